/// Bytes that live in an array, in the value itself where they are few, or inside a consumed record, whose memory they
/// then keep alive.
///
/// A payload is handed from a consumed record to a producer, or to a decoder, without a copy.
public struct Bytes: Sendable {
    private enum Storage {
        case array([UInt8])
        case few(Few)
        case record(any AnyObject & Sendable, UnsafeRawBufferPointer)
    }

    /// Up to 15 bytes, as most keys and numbers are: they need no memory of their own.
    private struct Few {
        static let most = 15

        private var low: UInt64 = 0
        private var high: UInt64 = 0

        /// - Parameter bytes: ``most`` at most.
        init(_ bytes: UnsafeRawBufferPointer) {
            withUnsafeMutableBytes(of: &self) { buffer in
                buffer.copyMemory(from: bytes)
                buffer[Self.most] = UInt8(bytes.count)
            }
        }

        var count: Int { Int(UInt64(littleEndian: high) >> 56) }

        func withBuffer<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
            try Swift.withUnsafeBytes(of: self) { buffer throws(E) in
                try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    // The pointer is into the message that the object beside it owns and never changes.
    nonisolated(unsafe) private let storage: Storage

    public init(_ bytes: [UInt8]) {
        storage = .array(bytes)
    }

    public init(_ text: some StringProtocol) {
        var text = String(text)
        storage = text.withUTF8 { Self.copy(UnsafeRawBufferPointer($0)) }
    }

    /// A copy of the bytes.
    public init(copying bytes: UnsafeRawBufferPointer) {
        storage = Self.copy(bytes)
    }

    /// Bytes that live, and never change, for as long as their owner does.
    package init(_ buffer: UnsafeRawBufferPointer, of owner: any AnyObject & Sendable) {
        storage = .record(owner, buffer)
    }

    private static func copy(_ bytes: UnsafeRawBufferPointer) -> Storage {
        bytes.count <= Few.most ? .few(Few(bytes)) : .array(Array(bytes))
    }

    public var count: Int {
        switch storage {
        case .array(let bytes): bytes.count
        case .few(let few): few.count
        case .record(_, let buffer): buffer.count
        }
    }

    /// The bytes, valid inside `body` only.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        switch storage {
        case .array(let bytes): return try bytes.span.bytes.withUnsafeBytes(body)
        case .few(let few): return try few.withBuffer(body)
        case .record(let record, let buffer):
            defer { withExtendedLifetime(record) {} }
            return try body(buffer)
        }
    }

    /// A copy as an array; free where the bytes are one already.
    public var array: [UInt8] {
        if case .array(let bytes) = storage { return bytes }
        return withUnsafeBytes { Array($0) }
    }

    /// The bytes read as UTF-8, what is not valid replaced by U+FFFD.
    public var text: String {
        withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

extension Bytes? {
    /// The bytes; nil are none, and empty bytes have an address all the same, because Kafka tells null from empty.
    @inline(__always)
    func withBuffer<R>(_ body: (UnsafeRawBufferPointer?) -> R) -> R {
        guard let self else { return body(nil) }
        return self.withUnsafeBytes { buffer in
            guard buffer.baseAddress == nil else { return body(buffer) }
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { one in
                body(UnsafeRawBufferPointer(start: one.baseAddress, count: 0))
            }
        }
    }
}

extension Bytes: Equatable {
    public static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.withUnsafeBytes { left in
            rhs.withUnsafeBytes { right in left.elementsEqual(right) }
        }
    }
}

extension Bytes: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self.init(value)
    }
}
