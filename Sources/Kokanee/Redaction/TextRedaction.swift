/// Finds what may be a field's value in text that has no grammar.
struct TextRedaction {
    private let field: [UInt8]

    /// - Parameter field: in small letters.
    init(field: String) {
        self.field = Array(field.utf8)
    }

    func redact(_ text: String) -> String {
        let bytes = Array(text.utf8)
        // Only ASCII changes its case by bytes, so that both are of one length.
        let small = bytes.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
        var output: [UInt8] = []
        var (position, copied) = (0, 0)
        while position + field.count <= small.count {
            guard small[position..<position + field.count].elementsEqual(field),
                position == 0 || !Self.isWord(small[position - 1]),
                let value = value(in: bytes, behind: position + field.count)
            else {
                position += 1
                continue
            }
            output += bytes[copied..<value.lowerBound]
            output += Redaction.placeholder.utf8
            (position, copied) = (value.upperBound, value.upperBound)
        }
        guard copied > 0 else { return text }
        return String(decoding: output + bytes[copied...], as: UTF8.self)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || 0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte || byte == UInt8(ascii: "_")
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    /// Where the value stands that a name, which ends at `start`, has in the text; nil where it has none.
    private func value(in bytes: [UInt8], behind start: Int) -> Range<Int>? {
        var position = start
        func skip(_ isSkipped: (UInt8) -> Bool) {
            while position < bytes.count, isSkipped(bytes[position]) { position += 1 }
        }
        // JSON within a string has a backslash before each quote.
        skip { Self.isQuote($0) || $0 == UInt8(ascii: "\\") }
        // `(email)=(…)` of PostgreSQL, `[email] => …` of PHP.
        if position < bytes.count, ")]".utf8.contains(bytes[position]) { position += 1 }
        skip { $0 == UInt8(ascii: " ") }
        guard position < bytes.count, bytes[position] == UInt8(ascii: ":") || bytes[position] == UInt8(ascii: "=")
        else {
            return nil
        }
        position += 1
        // `==`, `=>` and `=~`.
        skip { "=>~".utf8.contains($0) }
        skip { $0 == UInt8(ascii: " ") }
        let begin = position
        skipPrefix(in: bytes, &position)
        skip { $0 == UInt8(ascii: "\\") }
        guard position < bytes.count else { return nil }
        let isEscaped = position > begin && bytes[position - 1] == UInt8(ascii: "\\")
        let end =
            switch bytes[position] {
            case let quote where Self.isQuote(quote): endOfQuoted(bytes, position, isEscaped: isEscaped)
            case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "("): endOfNested(bytes, position)
            default: endOfWords(bytes, position)
            }
        return begin < end ? begin..<end : nil
    }

    /// What may stand in front of a quote and belongs to it: `b'…'` and `u"…"` of Python, `$"…"`, `&"…"`.
    private func skipPrefix(in bytes: [UInt8], _ position: inout Int) {
        let end = bytes[position...].prefix(3).firstIndex { !Self.isWord($0) && !"$&@".utf8.contains($0) }
        if let end, Self.isQuote(bytes[end]) { position = end }
    }

    /// - Parameter isEscaped: in JSON within a string, where one backslash stands before the quotes, and three before those
    ///   that are of the value.
    private func endOfQuoted(_ bytes: [UInt8], _ start: Int, isEscaped: Bool) -> Int {
        var position = start + 1
        while position < bytes.count {
            let quote = bytes[position...].firstIndex { $0 != UInt8(ascii: "\\") } ?? bytes.count
            let backslashes = quote - position
            guard quote < bytes.count else { break }
            if bytes[quote] == bytes[start], isEscaped ? backslashes <= 1 : backslashes.isMultiple(of: 2) {
                return quote + 1
            }
            position = quote + 1
        }
        // It was cut.
        return bytes.count
    }

    /// A value that nothing encloses. Swift describes one of a type as `App.Card(number: "4111")`, and the type perhaps as
    /// `App.(unknown context at $1).Card` or `App.Box<Swift.String>`.
    private func endOfWords(_ bytes: [UInt8], _ start: Int) -> Int {
        var end = start
        var isOfType = false
        reading: while end < bytes.count {
            switch bytes[end] {
            case UInt8(ascii: "("):
                end = endOfNested(bytes, end)
                isOfType = true
            case UInt8(ascii: "<"):
                guard let close = bytes[end...].firstIndex(of: UInt8(ascii: ">")) else { break reading }
                end = close + 1
            case UInt8(ascii: "."), UInt8(ascii: ">"): end += 1
            case let byte where Self.isWord(byte): end += 1
            default: break reading
            }
        }
        return isOfType ? end : bytes[start...].firstIndex { " ,;&)]}\"'\\".utf8.contains($0) } ?? bytes.count
    }

    /// Whether a quote opens a value, and is no apostrophe: there is something before it, as in ``endOfNested(_:_:)``.
    private func beginsValue(_ bytes: [UInt8], _ position: Int) -> Bool {
        ":,[{( \\".utf8.contains(bytes[position - 1])
    }

    private func endOfNested(_ bytes: [UInt8], _ start: Int) -> Int {
        var depth = 0
        var position = start
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "("): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return position + 1 }
            case UInt8(ascii: "\""),
                UInt8(ascii: "'") where beginsValue(bytes, position):
                position = endOfQuoted(bytes, position, isEscaped: bytes[position - 1] == UInt8(ascii: "\\"))
                continue
            default: break
            }
            position += 1
        }
        return bytes.count
    }
}
