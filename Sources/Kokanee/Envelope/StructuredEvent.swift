internal import FoundationEssentials
internal import RdKafka

/// A CloudEvent in structured mode: one JSON object that holds attributes and payload.
enum StructuredEvent {
    static func decode(_ event: Bytes) throws(EnvelopeError) -> DecodedJob {
        let bytes = event.array
        let members: [(name: String, value: Range<Int>)]
        do {
            members = try JSONText.members(of: bytes)
        } catch {
            throw EnvelopeError("the structured CloudEvent is \(error)")
        }
        func raw(_ name: String) -> ArraySlice<UInt8>? {
            members.last { $0.name == name }.map { bytes[$0.value] }
        }
        try Envelope.checkSpecVersion(try text("specversion", raw("specversion")))
        let envelope = Envelope(
            id: try text("id", raw("id")),
            type: try text("type", raw("type")),
            version: try Envelope.schemaVersion(version(raw("dataschemaversion")))
        )
        return DecodedJob(
            envelope: envelope,
            payload: try payload(
                data: raw("data"),
                base64: raw("data_base64"),
                contentType: raw("datacontenttype").flatMap(JSONText.string)
            )
        )
    }

    private static func text(_ name: String, _ raw: ArraySlice<UInt8>?) throws(EnvelopeError) -> String {
        guard let raw else { throw EnvelopeError("the structured CloudEvent's \(name) is missing") }
        guard var text = JSONText.string(raw) else {
            throw EnvelopeError("the structured CloudEvent's \(name) is not a string")
        }
        switch text.withUTF8({ HeaderScan.attribute(UnsafeRawBufferPointer($0)) }) {
        case .text(let text): return text
        case .malformed(let fault): throw EnvelopeError("the structured CloudEvent's \(name) \(fault)")
        case .absent: throw EnvelopeError("the structured CloudEvent's \(name) is missing")
        }
    }

    /// The version as text: JSON lets it be a number or a string.
    private static func version(_ raw: ArraySlice<UInt8>?) -> HeaderScan.Attribute {
        guard let raw, !raw.elementsEqual("null".utf8) else { return .absent }
        var text = JSONText.string(raw) ?? String(decoding: raw, as: UTF8.self)
        return text.withUTF8 { HeaderScan.attribute(UnsafeRawBufferPointer($0)) }
    }

    private static func payload(
        data: ArraySlice<UInt8>?,
        base64: ArraySlice<UInt8>?,
        contentType: String?
    ) throws(EnvelopeError) -> Bytes {
        if let base64 {
            guard data == nil else { throw EnvelopeError("the structured CloudEvent has both data and data_base64") }
            guard let text = JSONText.string(base64), let decoded = Data(base64Encoded: text) else {
                throw EnvelopeError("the structured CloudEvent's data_base64 is not Base64")
            }
            return Bytes(Array(decoded))
        }
        guard let data else { return Bytes([]) }
        // CloudEvents JSON format 3.1.1: a string under a type that is not JSON is the payload itself, not its JSON.
        if let contentType, !isJSON(contentType), let text = JSONText.string(data) { return Bytes(text) }
        return Bytes(Array(data))
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let mediaType = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return mediaType.hasSuffix("/json") || mediaType.hasSuffix("+json")
    }
}
