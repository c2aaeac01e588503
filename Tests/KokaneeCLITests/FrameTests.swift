import Testing

@testable import kokanee

@Suite struct FrameTests {
    private static func text(
        _ lines: [Frame.Line],
        rows: Int = 4,
        columns: Int = 6,
        usesColour: Bool = false
    ) -> String {
        Frame(lines, size: Frame.Size(rows: rows, columns: columns), usesColour: usesColour).text
    }

    @Test("a frame begins at the top, clears behind each line and below the last, and empties nothing before")
    func redrawn() {
        #expect(Self.text(["one", "two"]) == "\u{1B}[Hone\u{1B}[K\r\ntwo\u{1B}[K\r\n\u{1B}[J")
        #expect(Self.text([]) == "\u{1B}[H\u{1B}[J")
    }

    @Test("a line as wide as the terminal is not cleared behind, which would take its last character")
    func fullWidth() {
        #expect(Self.text(["123456", "1"]) == "\u{1B}[H123456\r\n1\u{1B}[K\r\n\u{1B}[J")
    }

    @Test("a frame as high as the terminal ends without a line break, which would scroll it")
    func fullHeight() {
        #expect(Self.text(["1", "2"], rows: 2) == "\u{1B}[H1\u{1B}[K\r\n2\u{1B}[K")
    }

    @Test("what is too high leaves its number in the last line")
    func height() {
        let text = Self.text(["1", "2", "3", "4"], rows: 3, columns: 80)
        #expect(
            text == "\u{1B}[H1\u{1B}[K\r\n2\u{1B}[K\r\n2 more lines, for which the terminal is too low\u{1B}[K"
        )
        #expect(Self.text(["1", "2"], rows: 1) == "\u{1B}[H1\u{1B}[K")
    }

    @Test(
        "a line is cut to the columns that there are, and no character is halved",
        arguments: [
            ("abcdef", 6, "abcdef", 6), ("abcdefg", 6, "abcde…", 6), ("abc", 0, "", 0), ("ab", 1, "…", 1),
            ("日本語", 6, "日本語", 6), ("日本語", 5, "日本…", 5), ("日本語", 4, "日…", 3), ("日", 1, "…", 1),
            ("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}", 2), ("e\u{301}ab", 2, "e\u{301}…", 2),
            ("👩‍👩‍👧", 2, "👩‍👩‍👧", 2), ("👩‍👩‍👧x", 2, "…", 1), ("❤️", 2, "❤️", 2), ("", 3, "", 0),
        ] as [(String, Int, String, Int)]
    )
    func width(line: String, limit: Int, expected: String, columns: Int) {
        let cut = line.cut(toColumns: limit)
        #expect(cut.text == expected && cut.columns == columns)
    }

    @Test(
        "what a job carries can't steer the terminal, whole or cut",
        arguments: [80, 12, 11, 5, 2]
    )
    func controls(columns: Int) {
        let hostile = "a\u{1B}[2J\u{9B}31m\u{1B}]0;x\u{07}\r\nb\t\u{202E}c\u{08}"
        for style in [Frame.Style.plain, .heading, .trouble] {
            let text = Self.text([Frame.Line(hostile, style)], columns: columns, usesColour: true)
            let own = ["\u{1B}[H", "\u{1B}[J", "\u{1B}[K", "\u{1B}[1m", "\u{1B}[1;31m", "\u{1B}[0m", "\r\n"]
            let rest = own.reduce(text) { $0.replacing($1, with: "") }
            #expect(rest.unicodeScalars.filter { $0.isTerminalControl }.isEmpty, "\(rest.debugDescription)")
        }
    }

    @Test("style stands around what is left of a line, and ends with it")
    func styles() {
        #expect(
            Self.text([Frame.Line("a long line", .heading)], rows: 1, usesColour: true).hasSuffix("1ma lon…\u{1B}[0m")
        )
        #expect(!Self.text([Frame.Line("a", .trouble)], usesColour: false).contains("31m"))
    }

    @Test("q ends it, whatever was pressed before; arrows don't")
    func keys() {
        #expect(Screen.isEnd(Array("xxq".utf8)) && Screen.isEnd([3]))
        #expect(!Screen.isEnd(Array("\u{1B}[A\u{1B}OB jk".utf8)) && !Screen.isEnd([]))
    }
}
