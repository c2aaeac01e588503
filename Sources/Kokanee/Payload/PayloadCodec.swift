public import RdKafka

/// Turns payloads into bytes and back. A payload's version is the job's matter, not the codec's.
public protocol PayloadCodec: Sendable {
    /// The `content-type` of what ``encode(_:)`` makes.
    var contentType: String { get }

    func encode(_ value: some Encodable) throws -> Bytes

    /// - Parameter payload: empty where the record's value is null.
    func decode<Value: Decodable>(_ type: Value.Type, from payload: Bytes) throws -> Value
}

extension PayloadCodec where Self == JSONCodec {
    /// JSON, as Foundation's encoder and decoder have it by default, with sorted keys.
    public static var json: JSONCodec { JSONCodec() }
}

/// JSON, with the values and the errors of Foundation's `JSONDecoder` and the bytes of its `JSONEncoder`, for a fraction
/// of their time: their settings are the default ones, keys are sorted, and slashes are not escaped.
///
/// So a `Date` is a number of seconds since 2001, `Data` is a string in Base64, a `URL` is a string, and a `Decimal` is a
/// number, as exact as it is written. Of members of one name the first counts. A comma behind the last element and a
/// byte order mark are allowed; UTF-16 and UTF-32 are, too, but take longer. What stands in a string or a
/// number is checked when it is read: what no property asks for does no harm.
///
/// Two things are not as Foundation has them:
/// - Payloads are refused that are nested deeper than 128 levels, not 512: a type that is as deep as its payload would
///   overflow a thread's stack.
/// - A payload that does not fit its type is decoded twice, the second time by Foundation, whose error is thrown. A type's
///   `init(from:)` should have no effect but its value.
public struct JSONCodec: PayloadCodec {
    public var contentType: String { "application/json" }

    public func encode(_ value: some Encodable) throws -> Bytes {
        Bytes(try JSONPayload.encode(value))
    }

    /// An empty payload is read as `{}`, so that a job without properties can be enqueued without data.
    public func decode<Value: Decodable>(_ type: Value.Type, from payload: Bytes) throws -> Value {
        try payload.withUnsafeBytes { bytes in
            guard !bytes.isEmpty else { return try JSONPayload.decode(type, from: JSONPayload.empty) }
            return try JSONPayload.decode(type, from: bytes)
        }
    }
}
