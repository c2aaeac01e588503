/// The words of an expression, with their places.
struct ExpressionLexer {
    enum Token: Equatable {
        case word(String)
        case string([UInt8])
        case number(String)
        case symbol(String)
        case end
    }

    /// Two characters come before one.
    private static let symbols = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", "."]

    private let fault: ExpressionFault
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
        fault = ExpressionFault(text)
    }

    /// The next token and where it begins.
    mutating func next() throws(InputError) -> (token: Token, start: Int) {
        while let byte = peek(), byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
        let start = position
        guard let byte = peek() else { return (.end, start) }
        if Self.isNameStart(byte) {
            skip(while: Self.isName)
            return (.word(String(decoding: bytes[start..<position], as: UTF8.self)), start)
        }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { return (.string(try string(byte)), start) }
        if Self.isDigit(byte) || byte == UInt8(ascii: "-") { return (.number(try number()), start) }
        for symbol in Self.symbols where bytes[start...].starts(with: symbol.utf8) {
            position += symbol.utf8.count
            return (.symbol(symbol), start)
        }
        switch byte {
        case UInt8(ascii: "="): throw fault.error(at: start, "one = alone; equality is ==")
        case UInt8(ascii: "&"): throw fault.error(at: start, "one & alone; it is && or and")
        case UInt8(ascii: "|"): throw fault.error(at: start, "one | alone; it is || or or")
        default: throw fault.error(at: start, "a character that means nothing here; strings stand in quotes")
        }
    }

    private mutating func skip(while condition: (UInt8) -> Bool) {
        while let byte = peek(), condition(byte) { position += 1 }
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < bytes.count ? bytes[position + ahead] : nil
    }

    private mutating func number() throws(InputError) -> String {
        let start = position
        position += 1
        skip {
            Self.isDigit($0) || [UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-")].contains($0)
                || Self.isName($0)
        }
        let text = Array(bytes[start..<position])
        guard JSONText.isValid(text) else {
            throw fault.error(
                at: start,
                "no number of JSON's; text stands in quotes, and so does a name with a digit first"
            )
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func string(_ quote: UInt8) throws(InputError) -> [UInt8] {
        let start = position
        position += 1
        // As JSON writes it.
        var text: [UInt8] = [UInt8(ascii: "\"")]
        while true {
            guard let byte = peek() else {
                throw fault.error(at: start, "a string without its end: expected \(Unicode.Scalar(quote))")
            }
            position += 1
            if byte == quote { break }
            if byte == UInt8(ascii: "\\"), let escaped = peek() {
                position += 1
                text += escaped == UInt8(ascii: "'") && quote == escaped ? [escaped] : [byte, escaped]
            } else {
                if byte == UInt8(ascii: "\"") { text.append(UInt8(ascii: "\\")) }
                text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
        guard let string = JSONText.string(text[...]) else {
            throw fault.error(at: start, "a string with an escape that JSON does not have, or a control character")
        }
        return Array(string.utf8)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte >= 0x80 || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "$")
            || byte == UInt8(ascii: "@")
    }

    private static func isName(_ byte: UInt8) -> Bool {
        isNameStart(byte) || isDigit(byte) || byte == UInt8(ascii: "-")
    }
}

/// Says where an expression is wrong, and shows it.
struct ExpressionFault {
    /// Characters shown before the place and behind it.
    private static let before = 48
    private static let behind = 24
    private let text: String

    init(_ text: String) {
        self.text = text
    }

    /// - Parameter position: in bytes.
    func error(at position: Int, _ what: String) -> InputError {
        let place = text.utf8.index(text.startIndex, offsetBy: min(position, text.utf8.count))
        let head = text[..<place].unicodeScalars
        let tail = text[place...].unicodeScalars
        let shownHead = (head.count > Self.before ? "…" : "") + line(head.suffix(Self.before))
        let shownTail = line(tail.prefix(Self.behind)) + (tail.count > Self.behind ? "…" : "")
        let caret = String(repeating: " ", count: shownHead.unicodeScalars.count) + "^"
        return InputError("expression, character \(head.count + 1): \(what)\n  \(shownHead)\(shownTail)\n  \(caret)")
    }

    private func line(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return SafeText.line(text, limit: 1024)
    }
}
