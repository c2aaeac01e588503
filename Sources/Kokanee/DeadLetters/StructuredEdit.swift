internal import FoundationEssentials
internal import RdKafka

/// Another type, version or payload for a CloudEvent in structured mode; all else of it stays as it is.
struct StructuredEdit {
    let type: String
    let version: Int
    let payload: LetterLine.Edit<Bytes?>

    /// - Parameter event: one that can be read.
    func applied(to event: [UInt8]) throws -> [UInt8] {
        let members: [(name: String, value: Range<Int>)]
        do {
            members = try JSONText.members(of: event)
        } catch {
            throw InputError("the letter is \(error)")
        }
        var replaced: Set<String> = ["type", "dataschemaversion"]
        if payload != .none { replaced.formUnion(["data", "data_base64"]) }
        var object = JSONObjectWriter(reservingCapacity: event.count + 64)
        for (name, range) in members where !replaced.contains(name) {
            object.add(name, json: event.span.bytes.extracting(range))
        }
        object.add("type", type)
        if version != 1 { object.add("dataschemaversion", version) }
        if case .to(let payload) = payload, let bytes = payload?.array {
            let contentType = members.last { $0.name == "datacontenttype" }
            // Under a type that is not JSON's a string is the payload itself: in Base64 there is no doubt.
            if contentType == nil || isJSON(event, contentType?.value), JSONText.isValid(bytes) {
                object.add("data", json: bytes.span.bytes)
            } else {
                object.add("data_base64", Data(bytes).base64EncodedString())
            }
        }
        return object.finish()
    }

    private func isJSON(_ event: [UInt8], _ range: Range<Int>?) -> Bool {
        guard let range, let type = JSONText.string(event[range]) else { return false }
        let mediaType = type.prefix { $0 != ";" && $0 != " " }.lowercased()
        return mediaType.hasSuffix("/json") || mediaType.hasSuffix("+json")
    }
}
