/// Text of unknown making, made fit for one line of a log, a header or a terminal.
package enum SafeText {
    /// `text` with what could move a cursor or turn the reading direction made spaces, cut to `limit` bytes of UTF-8.
    ///
    /// The cut falls between two scalars and is marked by an ellipsis, which `limit` includes.
    ///
    /// - Parameter limit: bytes, at least 3.
    package static func line(_ text: some StringProtocol, limit: Int) -> String {
        // Most texts are what they have to be.
        let isPlain = text.utf8.withContiguousStorageIfAvailable { bytes in
            bytes.count <= limit && bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        }
        if isPlain == true { return String(text) }
        var result = ""
        // More than this much is never read, however long the text is.
        result.unicodeScalars.reserveCapacity(min(limit, 64))
        var size = 0
        var sizeWithRoomForEllipsis = result.endIndex
        for scalar in text.unicodeScalars {
            let harmless = isHarmless(scalar) ? scalar : " "
            let width = UTF8.width(harmless)
            if size + width > limit {
                result.unicodeScalars.removeSubrange(sizeWithRoomForEllipsis...)
                result.unicodeScalars.append("…")
                return result
            }
            result.unicodeScalars.append(harmless)
            size += width
            if size <= limit - 3 { sizeWithRoomForEllipsis = result.endIndex }
        }
        return result
    }

    /// `text` in quotation marks, for messages that repeat what was given.
    package static func quoted(_ text: some StringProtocol) -> String {
        "\"\(line(text, limit: 64))\""
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0: false
        // Line and paragraph separators, then the bidirectional overrides and isolates.
        case 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: false
        default: true
        }
    }
}
