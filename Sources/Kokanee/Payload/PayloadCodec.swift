internal import Foundation
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
    // Both are Sendable and keep nothing between calls but their settings, which nobody changes after this.
    private static let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
    private static let decoder = JSONDecoder()

    public var contentType: String { "application/json" }

    public func encode(_ value: some Encodable) throws -> Bytes {
        Bytes(Array(try Self.encoder.encode(value)))
    }

    /// An empty payload is read as `{}`, so that a job without properties can be enqueued without data.
    public func decode<Value: Decodable>(_ type: Value.Type, from payload: Bytes) throws -> Value {
        try payload.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, !bytes.isEmpty else {
                return try Self.decoder.decode(type, from: Data("{}".utf8))
            }
            // Not copied: the decoder keeps nothing of the data, and values that are Data come from Base64.
            let data = Data(
                bytesNoCopy: UnsafeMutableRawPointer(mutating: start),
                count: bytes.count,
                deallocator: .none
            )
            return try Self.decoder.decode(type, from: data)
        }
    }
}
