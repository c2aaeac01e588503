internal import RdKafka

/// Where headers are written: to a list, or straight into librdkafka's memory.
protocol HeaderWriter: ~Copyable {
    mutating func add(_ name: String, _ value: UnsafeRawBufferPointer?)
    mutating func add(_ name: String, _ value: Bytes?)
}

extension HeaderWriter where Self: ~Copyable {
    @inline(__always)
    mutating func add(_ name: HeaderName, _ value: UnsafeRawBufferPointer) {
        add(name.rawValue, value)
    }

    @inline(__always)
    mutating func add(_ name: HeaderName, _ value: String) {
        var value = value
        value.withUTF8 { add(name.rawValue, UnsafeRawBufferPointer($0)) }
    }

    /// In decimal digits, which are no string's: every hop of every job writes two or three.
    @inline(__always)
    mutating func add(_ name: HeaderName, _ value: some FixedWidthInteger & SignedInteger) {
        DecimalText.withBytes(of: Int64(value)) { add(name, $0) }
    }
}

extension RecordSink: HeaderWriter {}

/// Headers as a list.
struct HeaderList: HeaderWriter {
    var headers: [Header] = []

    mutating func add(_ name: String, _ value: UnsafeRawBufferPointer?) {
        headers.append(Header(name, value.map { Bytes(copying: $0) }))
    }

    mutating func add(_ name: String, _ value: Bytes?) {
        headers.append(Header(name, value))
    }
}

/// The most bytes that headers take on the wire.
struct HeaderSize: HeaderWriter {
    private static let overhead = 10
    private(set) var bytes = 0

    mutating func add(_ name: String, _ value: UnsafeRawBufferPointer?) {
        bytes += Self.overhead + name.utf8.count + (value?.count ?? 0)
    }

    mutating func add(_ name: String, _ value: Bytes?) {
        bytes += Self.overhead + name.utf8.count + (value?.count ?? 0)
    }
}
