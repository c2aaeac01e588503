/// Keeps the values of named fields of payloads out of what people and logs get to see.
///
/// A name such as `email` stands for every member of that name, however deep; `card.number` for a `number` within a `card`,
/// whatever arrays are between them. Capital and small letters are the same. Values are replaced whole, objects and
/// arrays, too. Nothing is changed of what is on a topic.
public struct Redaction: Sendable, Hashable {
    /// What stands for a value.
    public static let placeholder = "[redacted]"
    public static let none = Redaction()

    /// In small letters, the innermost name last.
    private let paths: [[String]]

    private init() {
        paths = []
    }

    /// - Throws: ``InputError`` for a name that is empty, or has an empty part.
    public init(_ fields: [String]) throws {
        paths = try fields.map { field in
            let parts = field.lowercased().split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard !parts.contains("") else {
                throw InputError(
                    "a field to redact is a name such as email or card.number, not \(SafeText.quoted(field))"
                )
            }
            return parts
        }
    }

    public var isEmpty: Bool { paths.isEmpty }

    /// Whether a value is to be redacted that stands at the path, of whose names the last is its own.
    func covers(_ path: [String]) -> Bool {
        paths.contains { $0.count <= path.count && $0.elementsEqual(path.suffix($0.count)) { $0 == $1.lowercased() } }
    }

    /// Whether a header of the name is to be redacted as if it were a field.
    ///
    /// - Parameter name: of a CloudEvents attribute with `ce_` in front.
    package func covers(header name: String) -> Bool {
        covers([name]) || name.hasPrefix("ce_") && covers([String(name.dropFirst(3))])
    }

    /// Valid JSON with the fields' values replaced; the rest stays as it is written.
    package func json(_ bytes: [UInt8]) -> [UInt8] {
        guard !isEmpty else { return bytes }
        var output: [UInt8] = []
        var copied = 0
        var scan = MemberScan(bytes)
        while let member = scan.next() {
            guard covers(member.path) else { continue }
            output += bytes[copied..<member.value.lowerBound]
            output += "\"\(Self.placeholder)\"".utf8
            copied = member.value.upperBound
            scan.skip(to: copied)
        }
        return output + bytes[copied...]
    }

    /// A payload that may be shown; nil where it is no JSON, of which nobody can say where the fields are.
    package func payload(_ bytes: [UInt8]) -> [UInt8]? {
        if isEmpty || bytes.isEmpty { return bytes }
        return JSONText.isValid(bytes) ? json(bytes) : nil
    }

    /// Text, such as an error's, in which values may stand behind the fields' names: `"email": "a@b.c"`, `email=a@b.c`.
    ///
    /// It is as good a guess as can be made of text: whoever writes errors should leave such values out.
    package func text(_ text: String) -> String {
        guard !isEmpty else { return text }
        return Set(paths.map { $0[$0.count - 1] }).sorted().reduce(text) { TextRedaction(field: $1).redact($0) }
    }
}

/// Goes through the members of valid JSON, whatever they are in.
private struct MemberScan {
    struct Member {
        /// The names of the members that it is in, and its own.
        let path: [String]
        let value: Range<Int>
    }

    private struct Level {
        let isObject: Bool
        var name = ""
    }

    private let bytes: [UInt8]
    private var position = 0
    private var levels: [Level] = []
    private var isAtName = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func skip(to end: Int) { position = end }

    mutating func next() -> Member? {
        // Its own reference: the position changes while the bytes are looked at.
        let bytes = bytes
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "{"):
                levels.append(Level(isObject: true))
                isAtName = true
            case UInt8(ascii: "["):
                levels.append(Level(isObject: false))
                isAtName = false
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                _ = levels.popLast()
                isAtName = false
            case UInt8(ascii: ","): isAtName = levels.last?.isObject == true
            case UInt8(ascii: "\""):
                let start = position
                guard (try? JSONText.skipString(bytes.span.bytes, &position, expected: "")) != nil else { return nil }
                guard isAtName else { continue }
                isAtName = false
                levels[levels.count - 1].name = JSONText.decodeString(bytes.span.bytes, start + 1..<position - 1)
                guard let value = value() else { return nil }
                return Member(path: levels.filter(\.isObject).map(\.name), value: value)
            default: break
            }
            position += 1
        }
        return nil
    }

    /// Where the value behind the name stands that was just read; the scan goes on at its beginning.
    private mutating func value() -> Range<Int>? {
        let bytes = bytes
        let span = bytes.span.bytes
        guard (try? JSONText.skipColon(span, &position)) != nil else { return nil }
        JSONText.skipWhiteSpace(span, &position)
        var end = position
        guard (try? JSONText.skipValue(span, &end)) != nil else { return nil }
        return position..<end
    }
}
