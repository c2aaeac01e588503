internal import CRdKafka

/// A fetched record's headers as they came over the wire, which librdkafka keeps for as long as the message.
///
/// librdkafka tells headers as a list alone, which it makes when it is asked, with an allocation for each: that was more than
/// half of all instructions that a small job took. What it makes the list of are the record's own bytes, in Kafka's format
/// (<https://kafka.apache.org/documentation/#recordheader>), and these are read here in its place, with nothing made.
///
/// Where they stand is no part of librdkafka's API. What this rests on, and what holds it:
///
/// - The message that librdkafka hands out is the beginning of a larger structure (`rd_kafka_msg_t`, "MUST be first field"),
///   which has the bytes' place and length where ``CRdKafka`` says. That is so in all releases from 2.0.0 to 2.15.0. In one
///   that is older or newer nothing behind the public part is looked at.
/// - In a record the headers stand behind its value, whose place is public. Where it has none, or an empty one, the key says
///   where they have to be. A place that is another is not used. Records with neither have nothing to go by, and older
///   formats no headers.
/// - The length is the rest of the record's, which librdkafka has found within what was fetched; all reading stays within.
/// - The bytes are not written once the message is handed out, so that any number of threads may read them. Whether they are
///   used is the same each time: librdkafka makes a list of no message's headers that are read here. A list that an
///   interceptor has asked for, and may have changed, counts for more than they do.
///
/// In all other cases ``init(of:)`` is nil, and ``HeaderParsing`` asks librdkafka.
struct WireHeaders {
    /// What librdkafka reads of one record.
    private static let most: Int64 = 100_000
    /// Whether the librdkafka that is linked has that structure.
    static let isKnown = MemoryLayout<Int>.size == 8 && knows(version: rd_kafka_version())

    private let bytes: UnsafeRawBufferPointer

    /// - Parameter message: fetched, and alive for as long as this.
    init?(of message: UnsafePointer<rd_kafka_message_t>) {
        guard Self.isKnown else { return nil }
        let fetched = UnsafeRawPointer(message).assumingMemoryBound(to: crdkafka_fetched_message_t.self)
        guard let start = fetched.pointee.header_bytes, fetched.pointee.header_length > 0,
            UnsafeRawPointer(start) == Self.place(message.pointee), fetched.pointee.headers == nil
        else { return nil }
        bytes = UnsafeRawBufferPointer(start: start, count: Int(fetched.pointee.header_length))
    }

    /// Where the headers have to be, by what is known of key and value; nil where nothing is.
    ///
    /// Neither has a place in the record where it is null, nor, for librdkafka, where it is empty.
    @inline(__always)
    private static func place(_ message: rd_kafka_message_t) -> UnsafeRawPointer? {
        if message.len > 0 { return message.payload.map { UnsafeRawPointer($0) + message.len } }
        // The value's length is between them, -1 or 0, which is one byte.
        return message.key_len > 0 ? message.key.map { UnsafeRawPointer($0) + message.key_len + 1 } : nil
    }

    /// - Parameter version: a release's, as `rd_kafka_version()` has it: 0x020002ff is 2.0.2.
    static func knows(version: CInt) -> Bool { (0x0200_00ff...0x020f_00ff).contains(version) }

    /// - Parameter bytes: the number of headers and the headers, of a record in Kafka's format.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Calls `body` with each header, or with none where they are malformed or more than librdkafka takes: then this is false.
    ///
    /// What is malformed to librdkafka is so here. A number of more than ten bytes, which has no meaning, is malformed, too.
    func forEachHeader(_ body: ConsumedMessage.HeaderBody) -> Bool {
        var cursor = Cursor(bytes)
        guard let count = cursor.varint(), count <= Self.most else { return false }
        guard count > 0 else { return true }
        var checked = cursor
        for _ in 0..<count {
            guard checked.header() != nil else { return false }
        }
        for _ in 0..<count {
            guard let (name, value) = cursor.header() else { return false }
            body(name, value)
        }
        return true
    }

    private struct Cursor {
        private var next: UnsafeRawPointer
        private let end: UnsafeRawPointer

        init(_ bytes: UnsafeRawBufferPointer) {
            // An empty buffer may have no address, of which nothing is read.
            next = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
            end = next + bytes.count
        }

        /// Nil where it goes on behind the end, or has more than ten bytes.
        @inline(__always)
        mutating func varint() -> Int64? {
            guard next < end else { return nil }
            let first = next.load(as: UInt8.self)
            next += 1
            if first < 0x80 { return Self.signed(UInt64(first)) }
            return longVarint(first)
        }

        private mutating func longVarint(_ first: UInt8) -> Int64? {
            var number = UInt64(first & 0x7F)
            for shift in stride(from: UInt64(7), to: 64, by: 7) {
                guard next < end else { return nil }
                let byte = next.load(as: UInt8.self)
                next += 1
                number |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return Self.signed(number) }
            }
            return nil
        }

        /// Zigzag: 0, -1, 1, -2.
        @inline(__always)
        private static func signed(_ number: UInt64) -> Int64 {
            Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
        }

        /// Nil where it is malformed.
        @inline(__always)
        mutating func header() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)? {
            guard let nameLength = varint(), let name = take(nameLength), let length = varint() else { return nil }
            if length == -1 { return (name, nil) }
            guard let value = take(length) else { return nil }
            return (name, value)
        }

        @inline(__always)
        private mutating func take(_ count: Int64) -> UnsafeRawBufferPointer? {
            guard count >= 0, count <= end - next else { return nil }
            defer { next += Int(count) }
            return UnsafeRawBufferPointer(start: next, count: Int(count))
        }
    }
}
