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

/// See ``PayloadCodec/json``.
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
