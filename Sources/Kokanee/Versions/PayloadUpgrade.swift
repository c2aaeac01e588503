public import RdKafka

/// Brings a payload of an older version up to a newer one.
///
///     static var upgrades: [PayloadUpgrade] {
///         [
///             .edit(from: 1) { try $0.rename("order", to: "invoice") },
///             .convert(from: 2) { (old: SendInvoiceV2) in SendInvoice(invoice: old.invoice, copies: 1) },
///         ]
///     }
///
/// A worker applies one after the other until the payload is of the handler's version. A version from which no upgrade
/// leads is taken for the next one as it is: there the new members' defaults are enough. An upgrade that throws makes the
/// job a dead letter, `undecodable`, that names it; a ``JobError`` says itself what becomes of the job.
public struct PayloadUpgrade: Sendable {
    let from: Int
    let to: Int
    let needsJSON: Bool
    let apply: @Sendable (Bytes, any PayloadCodec) throws -> Bytes

    /// Changes members of a payload that is a JSON object.
    ///
    /// - Parameters:
    ///   - version: of the payloads that it takes.
    ///   - next: of those that it makes; nil is the one after.
    public static func edit(
        from version: Int,
        to next: Int? = nil,
        _ edit: @escaping @Sendable (inout PayloadObject) throws -> Void
    ) -> PayloadUpgrade {
        PayloadUpgrade(from: version, to: next ?? version + 1, needsJSON: true) { payload, _ in
            var object = try PayloadObject(payload)
            try edit(&object)
            return object.payload
        }
    }

    /// Decodes a payload as what it was, and makes what it is now.
    ///
    /// - Parameters: as of ``edit(from:to:_:)``.
    public static func convert<Old: Decodable & SendableMetatype, New: Encodable & SendableMetatype>(
        from version: Int,
        to next: Int? = nil,
        _ convert: @escaping @Sendable (Old) throws -> New
    ) -> PayloadUpgrade {
        PayloadUpgrade(from: version, to: next ?? version + 1, needsJSON: false) { payload, codec in
            try codec.encode(convert(codec.decode(Old.self, from: payload)))
        }
    }

    /// Changes a payload's bytes.
    ///
    /// - Parameters: as of ``edit(from:to:_:)``.
    public static func rewrite(
        from version: Int,
        to next: Int? = nil,
        _ rewrite: @escaping @Sendable (Bytes) throws -> Bytes
    ) -> PayloadUpgrade {
        PayloadUpgrade(from: version, to: next ?? version + 1, needsJSON: false) { payload, _ in try rewrite(payload) }
    }
}
