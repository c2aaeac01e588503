/// A cron expression that can't be one: where it goes wrong, why, and what would do there.
public struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    public let expression: String
    /// Characters before the fault.
    public let position: Int
    /// What is wrong there.
    public let problem: String
    /// What would be right there; empty where nothing would.
    public let expected: String

    init(_ expression: String, at position: Int, _ problem: String, expected: String = "") {
        self.expression = expression
        self.position = position
        self.problem = problem
        self.expected = expected
    }

    public var description: String {
        "the schedule \(SafeText.quoted(expression)) is wrong at character \(position + 1): \(sentence)"
    }

    /// The expression with a caret below the fault, then what is wrong: three lines.
    public var pointed: String {
        // Each character is one column wide, whatever it was.
        let shown = expression.prefix(400).map { $0.isASCII && !$0.isNewline && $0 >= " " ? $0 : "?" }
        return "\(String(shown))\n\(String(repeating: " ", count: position))^\n\(sentence)"
    }

    private var sentence: String {
        expected.isEmpty ? problem : "\(problem); expected \(expected)"
    }
}
