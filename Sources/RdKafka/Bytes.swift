/// Bytes that live either in an array or inside a consumed record, whose memory they then keep alive.
///
/// A payload is handed from a consumed record to a producer, or to a decoder, without a copy.
public struct Bytes: Sendable {
    private enum Storage {
        case array([UInt8])
        case record(any AnyObject & Sendable, UnsafeRawBufferPointer)
    }

    // The pointer is into the message that the object beside it owns and never changes.
    nonisolated(unsafe) private let storage: Storage

    public init(_ bytes: [UInt8]) {
        storage = .array(bytes)
    }

    public init(_ text: some StringProtocol) {
        storage = .array(Array(text.utf8))
    }

    /// Bytes that live, and never change, for as long as their owner does.
    package init(_ buffer: UnsafeRawBufferPointer, of owner: any AnyObject & Sendable) {
        storage = .record(owner, buffer)
    }

    public var count: Int {
        switch storage {
        case .array(let bytes): bytes.count
        case .record(_, let buffer): buffer.count
        }
    }

    /// The bytes, valid inside `body` only.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        switch storage {
        case .array(let bytes): return try bytes.span.bytes.withUnsafeBytes(body)
        case .record(let record, let buffer):
            defer { withExtendedLifetime(record) {} }
            return try body(buffer)
        }
    }

    /// A copy as an array; free where the bytes are one already.
    public var array: [UInt8] {
        switch storage {
        case .array(let bytes): bytes
        case .record(let record, let buffer): withExtendedLifetime(record) { Array(buffer) }
        }
    }

    /// The bytes read as UTF-8, what is not valid replaced by U+FFFD.
    public var text: String {
        withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
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
