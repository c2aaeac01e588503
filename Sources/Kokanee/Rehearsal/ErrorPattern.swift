/// What errors have in common that are the same but for numbers and ids.
enum ErrorPattern {
    private static let placeholder = "#"

    /// `#` for each number, and for each word of letters and digits that is no name with a number behind it (`order17` is
    /// `order#`); what then stands in rows, as of a UUID, a time or an address, is one `#`. Of a job's own id the same.
    ///
    /// - Parameter text: bounded by its maker.
    static func of(_ text: String, id: String) -> String {
        var pattern = ""
        var rest = Substring(text)
        // A short id may be anything; a longer one that is only letters would not be told from words otherwise.
        let id = id.utf8.count >= 4 ? id : ""
        while let next = rest.first {
            if isWordPart(next) {
                if !id.isEmpty, rest.hasPrefix(id), rest.dropFirst(id.count).first.map(isWordPart) != true {
                    append(placeholder, to: &pattern)
                    rest = rest.dropFirst(id.count)
                    continue
                }
                let word = rest.prefix(while: isWordPart)
                append(shape(of: word), to: &pattern)
                rest = rest[word.endIndex...]
            } else {
                pattern.append(next)
                rest = rest.dropFirst()
            }
        }
        return pattern
    }

    private static func isWordPart(_ character: Character) -> Bool { character.isLetter || character.isNumber }

    private static func isDigit(_ character: Character) -> Bool { character.isNumber }

    private static func shape(of word: Substring) -> String {
        guard let digit = word.firstIndex(where: isDigit) else { return String(word) }
        let name = word[..<digit]
        let isHex = word.count >= 8 && word.allSatisfy(\.isHexDigit)
        guard word[digit...].allSatisfy(isDigit), !name.isEmpty, name.count >= 2, !isHex else { return placeholder }
        return name + placeholder
    }

    /// Joins a placeholder to the one before it where but one mark is between them.
    private static func append(_ shape: String, to pattern: inout String) {
        if shape == placeholder, let mark = pattern.last, "-_.,:+/".contains(mark), pattern.dropLast().last == "#" {
            pattern.removeLast()
        } else {
            pattern += shape
        }
    }
}
