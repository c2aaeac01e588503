/// What is drawn on a terminal at once: lines, cut to its width and its height.
///
/// Every line's text is made harmless, and cut, before anything that steers the terminal is put around it.
struct Frame: Sendable {
    struct Size: Equatable, Sendable {
        let rows: Int
        let columns: Int
    }

    enum Style: Sendable {
        case plain, heading, trouble
    }

    struct Line: Equatable, Sendable, ExpressibleByStringLiteral {
        let text: String
        var style: Style

        init(_ text: String, _ style: Style = .plain) {
            self.text = text
            self.style = style
        }

        init(stringLiteral text: String) {
            self.init(text)
        }
    }

    private static let escape = "\u{1B}["

    private let lines: [Line]
    private let size: Size
    private let usesColour: Bool

    init(_ lines: [Line], size: Size, usesColour: Bool) {
        self.lines = lines
        self.size = size
        self.usesColour = usesColour
    }

    /// The lines for which there is room; the last says how many there are beside them.
    private var shown: [Line] {
        guard lines.count > size.rows else { return lines }
        guard size.rows > 1 else { return Array(lines.prefix(size.rows)) }
        let hidden = lines.count - size.rows + 1
        return lines.prefix(size.rows - 1) + [Line("\(hidden) more lines, for which the terminal is too low", .heading)]
    }

    /// What brings the terminal from whatever it shows to this frame, without a moment at which it is empty.
    var text: String {
        let shown = shown
        var text = "\(Self.escape)H"
        for (index, line) in shown.enumerated() {
            let (cut, columns) = line.text.onOneLine.cut(toColumns: size.columns)
            text += styled(cut, line.style)
            // Behind a full line the cursor still stands on its last character, which would be cleared.
            if columns < size.columns { text += "\(Self.escape)K" }
            if index + 1 < size.rows { text += "\r\n" }
        }
        if shown.count < size.rows { text += "\(Self.escape)J" }
        return text
    }

    private func styled(_ text: String, _ style: Style) -> String {
        guard usesColour, !text.isEmpty else { return text }
        return switch style {
        case .plain: text
        case .heading: "\(Self.escape)1m\(text)\(Self.escape)0m"
        case .trouble: "\(Self.escape)1;31m\(text)\(Self.escape)0m"
        }
    }
}
