/// JSON (RFC 8259) as text: checked, taken apart and put together without decoding what it says.
///
/// A payload passes through as its producer wrote it, so that integers beyond 2^53, the spelling of numbers and the
/// order of members survive, which no parser into values promises. Nothing here recurses, and texts nested deeper
/// than ``maximumDepth`` are errors.
package enum JSONText {
    /// Arrays and objects within one another; deeper texts are refused.
    package static let maximumDepth = 512

    /// What is wrong with a text, and where.
    package struct Failure: Error, Hashable, CustomStringConvertible {
        /// In bytes from the text's start.
        package let position: Int
        /// What the grammar wants there: `a value`, `',' or '}'`.
        package let expected: String
        /// The byte that is there instead; nil at the text's end.
        package let found: UInt8?

        package var description: String {
            "not JSON: expected \(expected) at byte \(position), found \(foundDescription)"
        }

        private var foundDescription: String {
            guard let found else { return "the end" }
            return 0x21...0x7E ~= found ? "'\(Character(Unicode.Scalar(found)))'" : "0x" + String(found, radix: 16)
        }
    }

    /// Whether `bytes` are one JSON value, in valid UTF-8, with nothing but white space around it.
    ///
    /// A byte order mark is not white space. An escaped lone surrogate is valid, as the grammar has it.
    package static func isValid(_ bytes: RawSpan) -> Bool {
        (try? validate(bytes)) != nil
    }

    package static func isValid(_ bytes: [UInt8]) -> Bool {
        isValid(bytes.span.bytes)
    }

    /// As ``isValid(_:)``, for those who want the reason.
    package static func validate(_ bytes: RawSpan) throws(Failure) {
        var position = 0
        try skipValue(bytes, &position)
        try expectEnd(bytes, &position)
    }

    package static func validate(_ bytes: [UInt8]) throws(Failure) {
        try validate(bytes.span.bytes)
    }

    /// The members of the object that `bytes` are, in their order, with where each value's bytes stand.
    ///
    /// The whole text is validated. Names are decoded. A name that occurs twice is there twice: take the last, as
    /// most parsers do.
    ///
    /// - Throws: where the text is not valid, or not an object.
    package static func members(of bytes: RawSpan) throws(Failure) -> [(name: String, value: Range<Int>)] {
        var members: [(name: String, value: Range<Int>)] = []
        var position = 0
        skipWhiteSpace(bytes, &position)
        try expect(UInt8(ascii: "{"), "'{'", bytes, &position)
        skipWhiteSpace(bytes, &position)
        if byte(bytes, position) == UInt8(ascii: "}") {
            position += 1
            try expectEnd(bytes, &position)
            return members
        }
        while true {
            skipWhiteSpace(bytes, &position)
            let nameStart = position
            try skipString(bytes, &position, expected: "a name in quotes")
            let name = decodeString(bytes, nameStart + 1..<position - 1)
            try skipColon(bytes, &position)
            skipWhiteSpace(bytes, &position)
            let valueStart = position
            try skipValue(bytes, &position, depth: 1)
            members.append((name, valueStart..<position))
            skipWhiteSpace(bytes, &position)
            guard byte(bytes, position) == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect(UInt8(ascii: "}"), "',' or '}'", bytes, &position)
        try expectEnd(bytes, &position)
        return members
    }

    package static func members(of bytes: [UInt8]) throws(Failure) -> [(name: String, value: Range<Int>)] {
        try members(of: bytes.span.bytes)
    }

    /// The string that `raw` is in JSON, its quotes included; nil where it is anything else.
    ///
    /// An escaped surrogate without its other half, which no string can hold, becomes U+FFFD.
    package static func string(_ raw: RawSpan) -> String? {
        var position = 0
        skipWhiteSpace(raw, &position)
        let start = position
        guard (try? skipString(raw, &position, expected: "a string")) != nil else { return nil }
        let end = position
        guard (try? expectEnd(raw, &position)) != nil else { return nil }
        return decodeString(raw, start + 1..<end - 1)
    }

    package static func string(_ raw: ArraySlice<UInt8>) -> String? {
        string(raw.span.bytes)
    }

    /// Appends `string` as a JSON string, quotes included.
    package static func appendEscaped(_ string: String, to output: inout [UInt8]) {
        var string = string
        string.withUTF8 { bytes in
            output.append(UInt8(ascii: "\""))
            // Hardly any name or id has a character that has to be written otherwise.
            if bytes.contains(where: { needsEscape($0) || $0 == 0x7F }) {
                for byte in bytes { appendEscaped(byte, to: &output) }
            } else {
                output.append(contentsOf: bytes)
            }
            output.append(UInt8(ascii: "\""))
        }
    }

    /// Whether a byte can't stand in a string as it is (RFC 8259, 7).
    @inline(__always)
    static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func appendEscaped(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            output.append(UInt8(ascii: "\\"))
            output.append(byte)
        case UInt8(ascii: "\n"): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
        case UInt8(ascii: "\r"): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
        case UInt8(ascii: "\t"): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
        case 0..<0x20, 0x7F:
            output.append(contentsOf: "\\u00".utf8)
            output.append(hexDigit(byte >> 4))
            output.append(hexDigit(byte & 0xF))
        default: output.append(byte)
        }
    }

    /// Appends the valid JSON text `bytes` on one line: its raw line breaks, which can only stand between tokens,
    /// become spaces.
    package static func appendSingleLine(_ bytes: RawSpan, to output: inout [UInt8]) {
        let start = output.count
        let hasBreaks = bytes.withUnsafeBytes { bytes in
            output.append(contentsOf: bytes)
            return bytes.contains { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        }
        guard hasBreaks else { return }
        var added = output.mutableSpan
        for index in start..<added.count
        where added[index] == UInt8(ascii: "\n") || added[index] == UInt8(ascii: "\r") {
            added[index] = UInt8(ascii: " ")
        }
    }

    package static func appendSingleLine(_ bytes: [UInt8], to output: inout [UInt8]) {
        appendSingleLine(bytes.span.bytes, to: &output)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
