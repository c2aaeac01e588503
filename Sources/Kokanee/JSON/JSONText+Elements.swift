extension JSONText {
    /// Where each element's bytes stand of the array that `bytes` are, in their order.
    ///
    /// The whole text is validated.
    ///
    /// - Throws: where the text is not valid, or not an array.
    package static func elements(of bytes: RawSpan) throws(Failure) -> [Range<Int>] {
        var elements: [Range<Int>] = []
        var position = 0
        skipWhiteSpace(bytes, &position)
        try expect(UInt8(ascii: "["), "'['", bytes, &position)
        skipWhiteSpace(bytes, &position)
        if byte(bytes, position) == UInt8(ascii: "]") {
            position += 1
            try expectEnd(bytes, &position)
            return elements
        }
        while true {
            skipWhiteSpace(bytes, &position)
            let start = position
            try skipValue(bytes, &position, depth: 1)
            elements.append(start..<position)
            skipWhiteSpace(bytes, &position)
            guard byte(bytes, position) == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect(UInt8(ascii: "]"), "',' or ']'", bytes, &position)
        try expectEnd(bytes, &position)
        return elements
    }
}
