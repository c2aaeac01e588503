import CRdKafka
import Foundation

@testable import RdKafka

extension FuzzTarget {
    /// The bytes of a record's headers. What they say is what librdkafka's own parser finds in them.
    static let wireHeaders = FuzzTarget(name: "wire-headers") { input in
        // Not one byte more than the record has, for the sanitizer to see what is read behind it.
        let record = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count + 1, alignment: 1)
        defer { record.deallocate() }
        record.copyBytes(from: [0] + input)
        let value = UnsafeMutableRawBufferPointer(rebasing: record[..<1])
        let message = FetchedMessage(value: value, headers: UnsafeRawBufferPointer(rebasing: record[1...]))
        defer { message.free() }
        guard let headers = WireHeaders(of: message.public) else {
            let mayAsk = input.isEmpty || !WireHeaders.isKnown
            return try require(mayAsk, "headers behind the value are read where they stand")
        }
        var read: [Pair] = []
        let isReadable = headers.forEachHeader { read.append(Pair(name: Array($0), value: $1.map { Array($0) })) }
        // librdkafka shifts what stands behind a number's tenth byte beyond 64 bits, which C leaves open.
        if input.hasNumberWithoutMeaning { return try require(read.isEmpty || isReadable, "all headers, or none") }
        let expected = message.parsed()
        try require(isReadable == (expected != nil), "librdkafka \(expected == nil ? "refuses" : "takes") them")
        // A name of librdkafka's ends with its first zero byte.
        let short = read.map { Pair(name: Array($0.name.prefix { $0 != 0 }), value: $0.value) }
        try requireEqual(short, expected ?? [], "they are what librdkafka reads")
    }

    private struct Pair: Equatable {
        let name: [UInt8]
        let value: [UInt8]?
    }

    /// A message as librdkafka makes one of a fetched record.
    private struct FetchedMessage {
        private let memory: UnsafeMutablePointer<crdkafka_fetched_message_t>
        /// Librdkafka's is larger.
        private static let count = 4

        init(value: UnsafeMutableRawBufferPointer, headers: UnsafeRawBufferPointer) {
            memory = .allocate(capacity: Self.count)
            memset(memory, 0, Self.count * MemoryLayout<crdkafka_fetched_message_t>.stride)
            memory.pointee.message.payload = value.baseAddress
            memory.pointee.message.len = value.count
            memory.pointee.header_bytes = headers.baseAddress?.assumingMemoryBound(to: UInt8.self)
            memory.pointee.header_length = Int32(headers.count)
        }

        var `public`: UnsafeMutablePointer<rd_kafka_message_t> {
            UnsafeMutableRawPointer(memory).assumingMemoryBound(to: rd_kafka_message_t.self)
        }

        /// With librdkafka's list, if it has made one.
        func free() {
            if let headers = memory.pointee.headers { rd_kafka_headers_destroy(headers) }
            memory.deallocate()
        }

        /// Nil where librdkafka can't parse them.
        func parsed() -> [Pair]? {
            var pairs: [Pair] = []
            let isReadable = HeaderParsing(`public`).forEachHeader { name, value in
                pairs.append(Pair(name: Array(name), value: value.map { Array($0) }))
            }
            return isReadable ? pairs : nil
        }
    }
}

extension [UInt8] {
    /// Whether ten bytes in a row say that their number goes on.
    fileprivate var hasNumberWithoutMeaning: Bool {
        var run = 0
        return contains { byte in
            run = byte < 0x80 ? 0 : run + 1
            return run == 10
        }
    }
}
