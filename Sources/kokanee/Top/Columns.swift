extension Character {
    /// How many columns it takes on a terminal: two for East Asian wide characters and emoji.
    ///
    /// An estimate: terminals differ about what is new in Unicode.
    var columns: Int {
        if isASCII { return 1 }
        let scalars = unicodeScalars
        if scalars.contains(where: \.isWide) { return 2 }
        // U+FE0F asks for the emoji where there is a plain character, too.
        if scalars.count > 1, scalars.contains("\u{FE0F}") { return 2 }
        return scalars.allSatisfy(\.hasNoWidth) ? 0 : 1
    }
}

extension Unicode.Scalar {
    /// Wide or fullwidth as UAX #11 has it, in blocks.
    fileprivate var isWide: Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x17000...0x18CFF, 0x1AFF0...0x1B2FF,
            0x20000...0x3FFFD:
            true
        default: properties.isEmojiPresentation
        }
    }

    fileprivate var hasNoWidth: Bool {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: true
        default: false
        }
    }
}

extension String {
    /// The text as far as it fits into so many columns; what is cut off leaves an ellipsis.
    ///
    /// - Returns: with it the columns that it takes.
    func cut(toColumns limit: Int) -> (text: String, columns: Int) {
        var (columns, end, endWithEllipsis) = (0, startIndex, startIndex)
        var columnsWithEllipsis = 0
        for index in indices {
            let width = self[index].columns
            guard columns + width <= limit else {
                guard limit > 0 else { return ("", 0) }
                return ("\(self[..<endWithEllipsis])…", columnsWithEllipsis + 1)
            }
            columns += width
            end = self.index(after: index)
            if columns < limit { (endWithEllipsis, columnsWithEllipsis) = (end, columns) }
        }
        return (self, columns)
    }
}
