internal import FoundationEssentials
internal import RdKafka

/// What an edited line of an export says is to become of a letter's job.
struct LetterLine: Sendable, Equatable {
    /// What a line says of a part of the job; a member that is missing leaves it as it is.
    enum Edit<Value: Sendable & Equatable>: Sendable, Equatable {
        case none
        case to(Value)
    }

    /// A part of a payload or a key that a line may have written in either of two ways.
    private struct Pair {
        let plain: Range<Int>?
        let base64: Range<Int>?
    }

    /// Where the letter stands.
    var place: Envelope.Origin
    /// The job's id.
    var id: String
    var type: Edit<String> = .none
    var version: Edit<Int> = .none
    var key: Edit<Bytes?> = .none
    var payload: Edit<Bytes?> = .none
    /// Those that the export showed.
    var headers: Edit<[Header]> = .none

    /// What a line may have beside its edits: it is there to be read, and means nothing.
    private static let told: Set<String> = [
        "attempts", "reason", "firstError", "lastError", "firstFailedAt", "diedAt", "origin", "cut", "verdict",
        "verdictAt", "verdictBy", "verdictReason", "verdictTo",
    ]
    private static let meant: Set<String> = [
        "letter", "id", "type", "version", "key", "keyBase64", "data", "dataBase64", "headers",
    ]

    /// A line that changes nothing.
    init(place: Envelope.Origin, id: String) {
        self.place = place
        self.id = id
    }

    /// - Throws: ``InputError`` that says what is wrong, without the line's number.
    init(_ bytes: [UInt8]) throws {
        let members: [(name: String, value: Range<Int>)]
        do {
            members = try JSONText.members(of: bytes)
        } catch {
            throw InputError("\(error)")
        }
        var values: [String: Range<Int>] = [:]
        for (name, range) in members where !Self.told.contains(name) {
            guard Self.meant.contains(name) else { throw InputError("unknown member \(SafeText.quoted(name))") }
            guard values.updateValue(range, forKey: name) == nil else {
                throw InputError("\"\(name)\" is there twice")
            }
        }
        func text(_ name: String) throws -> String? {
            guard let range = values[name] else { return nil }
            guard let text = JSONText.string(bytes[range]) else { throw InputError("\"\(name)\" must be a string") }
            return text
        }
        guard let letter = try text("letter") else { throw InputError("\"letter\" is missing") }
        guard let place = Envelope.Origin(text: letter) else {
            throw InputError("\"letter\" must be TOPIC/PARTITION/OFFSET, not \(SafeText.quoted(letter))")
        }
        guard let id = try text("id") else { throw InputError("\"id\" is missing") }
        self.place = place
        self.id = id
        if let type = try text("type") { self.type = .to(type) }
        if let range = values["version"] {
            guard let version = Int32(String(decoding: bytes[range], as: UTF8.self)), version >= 1 else {
                throw InputError("\"version\" must be an integer from 1 up")
            }
            self.version = .to(Int(version))
        }
        key = try Self.edit("key", Pair(plain: values["key"], base64: values["keyBase64"]), bytes) { range in
            guard let key = JSONText.string(bytes[range]) else { throw InputError("\"key\" must be a string") }
            return Bytes(key)
        }
        let data = Pair(plain: values["data"], base64: values["dataBase64"])
        payload = try Self.edit("data", data, bytes, isNullMeant: true) { Bytes(Array(bytes[$0])) }
        if let range = values["headers"] { headers = .to(try Self.headers(Array(bytes[range]))) }
    }

    /// - Parameter isNullMeant: null in the plain form is a value like others; else it is none, as it is in Base64.
    private static func edit(
        _ name: String,
        _ pair: Pair,
        _ bytes: [UInt8],
        isNullMeant: Bool = false,
        _ read: (Range<Int>) throws -> Bytes
    ) throws -> Edit<Bytes?> {
        guard pair.plain == nil || pair.base64 == nil else {
            throw InputError("\"\(name)\" and \"\(name)Base64\" exclude each other")
        }
        if let range = pair.base64 {
            return .to(try isNull(bytes[range]) ? nil : base64(bytes[range], "\(name)Base64"))
        }
        guard let range = pair.plain else { return .none }
        return .to(try !isNullMeant && isNull(bytes[range]) ? nil : read(range))
    }

    private static func isNull(_ value: ArraySlice<UInt8>) -> Bool { value.elementsEqual("null".utf8) }

    private static func base64(_ value: ArraySlice<UInt8>, _ name: String) throws -> Bytes {
        guard let text = JSONText.string(value), let data = Data(base64Encoded: text) else {
            throw InputError("\"\(name)\" is not Base64")
        }
        return Bytes(Array(data))
    }

    private static func headers(_ array: [UInt8]) throws -> [Header] {
        let problem = InputError("\"headers\" must be as they were exported")
        guard let elements = try? JSONText.elements(of: array.span.bytes) else { throw problem }
        return try elements.map { element in
            let bytes = Array(array[element])
            guard let members = try? JSONText.members(of: bytes) else { throw problem }
            var name: String?
            var value: Bytes??
            for member in members {
                switch member.name {
                case "name": name = JSONText.string(bytes[member.value])
                case "value" where isNull(bytes[member.value]): value = .some(nil)
                case "value": value = JSONText.string(bytes[member.value]).map { Bytes($0) }
                case "valueBase64": value = try base64(bytes[member.value], "valueBase64")
                default: throw problem
                }
            }
            guard let name, let value else { throw problem }
            return Header(name, value)
        }
    }
}

extension LetterLine {
    /// The line of an export that tells of a letter.
    static func text(of whole: WholeDeadLetter) -> [UInt8] {
        let letter = whole.letter
        let envelope = letter.envelope
        var object = JSONObjectWriter(reservingCapacity: 768 + whole.payload.count)
        object.add("letter", letter.place.description)
        object.add("id", envelope.id)
        object.add("type", envelope.type)
        object.add("version", envelope.version)
        add("key", letter.key, to: &object) { String(validating: $0, as: UTF8.self) != nil }
        let payload = whole.payload.array
        if whole.isWithoutPayload {
            object.addNull("dataBase64")
        } else if isReadableWithin(payload) {
            object.add("data", json: payload.span.bytes)
        } else {
            object.add("dataBase64", Data(payload).base64EncodedString())
        }
        object.add("headers", objects: shownHeaders(whole.headers).map(Self.object))
        object.add("attempts", letter.attempts)
        if let reason = letter.reason { object.add("reason", reason.rawValue) }
        if let error = envelope.firstError { object.add("firstError", error) }
        if let error = envelope.lastError { object.add("lastError", error) }
        if let at = envelope.firstFailedAt { object.add("firstFailedAt", at) }
        object.add("diedAt", letter.diedAt)
        if let origin = envelope.origin { object.add("origin", origin.description) }
        if let cut = Envelope.Cut(whole.headers) { object.add("cut", cut.rawValue) }
        if let verdict = letter.verdict { object.add("verdict", verdict.rawValue) }
        if let at = letter.verdictAt { object.add("verdictAt", at) }
        if let by = letter.verdictBy { object.add("verdictBy", by) }
        if let reason = letter.verdictReason { object.add("verdictReason", reason) }
        return object.finish()
    }

    private static func add(
        _ name: String,
        _ value: Bytes?,
        to object: inout JSONObjectWriter,
        asText isText: ([UInt8]) -> Bool
    ) {
        guard let value else { return object.addNull(name) }
        let bytes = value.array
        if isText(bytes) {
            object.add(name, value.text)
        } else {
            object.add("\(name)Base64", Data(bytes).base64EncodedString())
        }
    }

    /// Whether a payload is JSON, and still is when it is nested in a line.
    private static func isReadableWithin(_ payload: [UInt8]) -> Bool {
        guard JSONText.isValid(payload) else { return false }
        let openings = payload.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
        return openings < JSONText.maximumDepth || JSONText.isValid([UInt8(ascii: "[")] + payload + [UInt8(ascii: "]")])
    }

    private static func object(_ header: Header) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("name", header.name)
        add("value", header.value, to: &object) { String(validating: $0, as: UTF8.self) != nil }
        return object
    }

    /// The headers that the job carries on and that no other member of the line stands for.
    static func shownHeaders(_ headers: [Header]) -> [Header] {
        let told: Set<HeaderName> = [
            .specVersion, .id, .type, .schemaVersion, .expiresAt, .replay, .retriedFrom,
        ]
        return headers.filter { header in
            HeaderName(rawValue: header.name).map { !HopState.holds($0) && !told.contains($0) } ?? true
        }
    }
}
