extension JSONText {
    /// The open arrays and objects around a position, one bit each: set where it is an object.
    private struct Nesting {
        private var bits: InlineArray<8, UInt64> = .init(repeating: 0)
        /// Those that are open, of the value that is being read.
        private(set) var depth = 0

        var isInObject: Bool {
            let top = depth - 1
            return bits[top >> 6] >> UInt64(top & 63) & 1 == 1
        }

        mutating func push(object: Bool) {
            let bit = UInt64(1) << UInt64(depth & 63)
            if object { bits[depth >> 6] |= bit } else { bits[depth >> 6] &= ~bit }
            depth += 1
        }

        mutating func pop() { depth -= 1 }
    }

    static func byte(_ bytes: borrowing RawSpan, _ position: Int) -> UInt8? {
        position < bytes.byteCount ? bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self) : nil
    }

    static func failure(_ expected: String, _ bytes: RawSpan, _ position: Int) -> Failure {
        Failure(position: position, expected: expected, found: byte(bytes, position))
    }

    static func skipWhiteSpace(_ bytes: RawSpan, _ position: inout Int) {
        while let byte = byte(bytes, position), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    static func expect(_ wanted: UInt8, _ name: String, _ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        guard byte(bytes, position) == wanted else { throw failure(name, bytes, position) }
        position += 1
    }

    static func expectEnd(_ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        skipWhiteSpace(bytes, &position)
        guard position == bytes.byteCount else { throw failure("the end", bytes, position) }
    }

    static func skipColon(_ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        skipWhiteSpace(bytes, &position)
        try expect(UInt8(ascii: ":"), "':'", bytes, &position)
    }

    /// Moves `position` past the value that begins there or behind white space.
    ///
    /// - Parameter depth: the arrays and objects that are open around the value already.
    static func skipValue(_ bytes: RawSpan, _ position: inout Int, depth: Int = 0) throws(Failure) {
        var nesting = Nesting()
        var expected = "a value"
        value: while true {
            skipWhiteSpace(bytes, &position)
            switch byte(bytes, position) {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                let isObject = byte(bytes, position) == UInt8(ascii: "{")
                guard depth + nesting.depth < maximumDepth else {
                    throw failure("at most \(maximumDepth) levels", bytes, position)
                }
                position += 1
                nesting.push(object: isObject)
                skipWhiteSpace(bytes, &position)
                if byte(bytes, position) == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    position += 1
                    nesting.pop()
                } else {
                    if isObject { try skipName(bytes, &position, expected: "a name in quotes or '}'") }
                    expected = isObject ? "a value" : "a value or ']'"
                    continue value
                }
            case UInt8(ascii: "\""): try skipString(bytes, &position, expected: "a string")
            case UInt8(ascii: "t"): try skipLiteral("true", bytes, &position)
            case UInt8(ascii: "f"): try skipLiteral("false", bytes, &position)
            case UInt8(ascii: "n"): try skipLiteral("null", bytes, &position)
            case UInt8(ascii: "-"), .some(0x30...0x39): try skipNumber(bytes, &position)
            default: throw failure(expected, bytes, position)
            }
            expected = "a value"
            while nesting.depth > 0 {
                skipWhiteSpace(bytes, &position)
                let isObject = nesting.isInObject
                switch byte(bytes, position) {
                case UInt8(ascii: ","):
                    position += 1
                    if isObject { try skipName(bytes, &position, expected: "a name in quotes") }
                    continue value
                case isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"):
                    position += 1
                    nesting.pop()
                default: throw failure(isObject ? "',' or '}'" : "',' or ']'", bytes, position)
                }
            }
            return
        }
    }

    private static func skipName(_ bytes: RawSpan, _ position: inout Int, expected: String) throws(Failure) {
        skipWhiteSpace(bytes, &position)
        try skipString(bytes, &position, expected: expected)
        try skipColon(bytes, &position)
    }

    private static func skipLiteral(
        _ literal: StaticString,
        _ bytes: RawSpan,
        _ position: inout Int
    ) throws(Failure) {
        for index in 0..<literal.utf8CodeUnitCount {
            guard byte(bytes, position + index) == literal.utf8Start[index] else {
                throw failure("\(literal)", bytes, position + index)
            }
        }
        position += literal.utf8CodeUnitCount
    }

    private static func skipNumber(_ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        if byte(bytes, position) == UInt8(ascii: "-") { position += 1 }
        if byte(bytes, position) == UInt8(ascii: "0") {
            position += 1
        } else {
            try skipDigits(bytes, &position)
        }
        if byte(bytes, position) == UInt8(ascii: ".") {
            position += 1
            try skipDigits(bytes, &position)
        }
        if let letter = byte(bytes, position), letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") {
            position += 1
            if let sign = byte(bytes, position), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                position += 1
            }
            try skipDigits(bytes, &position)
        }
    }

    private static func skipDigits(_ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        let start = position
        while let digit = byte(bytes, position), 0x30...0x39 ~= digit { position += 1 }
        guard position > start else { throw failure("a digit", bytes, position) }
    }

    /// Moves `position` past the string whose opening quote stands there.
    static func skipString(_ bytes: RawSpan, _ position: inout Int, expected: String) throws(Failure) {
        try expect(UInt8(ascii: "\""), expected, bytes, &position)
        while true {
            switch byte(bytes, position) {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try skipEscape(bytes, &position)
            case .some(0x20...0x7F): position += 1
            case .some(0x80...): try skipMultibyte(bytes, &position)
            case .none: throw failure("'\"'", bytes, position)
            case .some: throw failure("no control character in a string", bytes, position)
            }
        }
    }

    private static func skipEscape(_ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        position += 1
        switch byte(bytes, position) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                guard let digit = byte(bytes, position), hexValue(digit) != nil else {
                    throw failure("four hexadecimal digits", bytes, position)
                }
                position += 1
            }
        default: throw failure("an escape: one of \"\\/bfnrtu", bytes, position)
        }
    }

    /// One scalar of two to four bytes, by the table of well-formed sequences (Unicode 3.9, table 3-7).
    private static func skipMultibyte(_ bytes: RawSpan, _ position: inout Int) throws(Failure) {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch byte(bytes, position) {
        case .some(0xC2...0xDF): length = 2
        case .some(0xE0): (length, second) = (3, 0xA0...0xBF)
        case .some(0xED): (length, second) = (3, 0x80...0x9F)
        case .some(0xE1...0xEF): length = 3
        case .some(0xF0): (length, second) = (4, 0x90...0xBF)
        case .some(0xF1...0xF3): length = 4
        case .some(0xF4): (length, second) = (4, 0x80...0x8F)
        default: throw failure("UTF-8", bytes, position)
        }
        for index in 1..<length {
            guard let next = byte(bytes, position + index), second ~= next else {
                throw failure("UTF-8", bytes, position + index)
            }
            second = 0x80...0xBF
        }
        position += length
    }

    static func hexValue(_ digit: UInt8) -> UInt16? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(digit - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(digit - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The valid inside of a string, between its quotes, with its escapes undone.
    static func decodeString(_ bytes: RawSpan, _ range: Range<Int>) -> String {
        let inside = bytes.extracting(range)
        return inside.withUnsafeBytes { raw in
            guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
            var units: [UInt8] = []
            units.reserveCapacity(raw.count)
            var index = 0
            while index < raw.count {
                guard raw[index] == UInt8(ascii: "\\") else {
                    units.append(raw[index])
                    index += 1
                    continue
                }
                switch raw[index + 1] {
                case UInt8(ascii: "b"): units.append(0x08)
                case UInt8(ascii: "f"): units.append(0x0C)
                case UInt8(ascii: "n"): units.append(0x0A)
                case UInt8(ascii: "r"): units.append(0x0D)
                case UInt8(ascii: "t"): units.append(0x09)
                case UInt8(ascii: "u"):
                    units.append(contentsOf: String(decodeScalar(raw, &index)).utf8)
                    continue
                case let itself: units.append(itself)
                }
                index += 2
            }
            return String(decoding: units, as: UTF8.self)
        }
    }

    /// The scalar of one `\uXXXX`, or of two that are a surrogate pair; moves `index` past them.
    private static func decodeScalar(_ raw: UnsafeRawBufferPointer, _ index: inout Int) -> Unicode.Scalar {
        func unit(at start: Int) -> UInt16? {
            guard start + 6 <= raw.count, raw[start] == UInt8(ascii: "\\"), raw[start + 1] == UInt8(ascii: "u") else {
                return nil
            }
            return raw[start + 2..<start + 6].reduce(0) { $0 << 4 | (hexValue($1) ?? 0) }
        }
        let first = unit(at: index) ?? 0xFFFD
        index += 6
        if UTF16.isLeadSurrogate(first), let trail = unit(at: index), UTF16.isTrailSurrogate(trail) {
            index += 6
            let scalar = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(trail) - 0xDC00)
            return Unicode.Scalar(scalar) ?? "\u{FFFD}"
        }
        return Unicode.Scalar(first) ?? "\u{FFFD}"
    }
}
