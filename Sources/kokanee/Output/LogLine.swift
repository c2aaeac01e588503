internal import Kokanee

/// A log entry as one line of text.
enum LogLine {
    /// - Parameters:
    ///   - milliseconds: since the epoch.
    ///   - redaction: of what the values say, as they are, and of the line.
    static func text(_ entry: Logger.Entry, at milliseconds: Int64, redaction: Redaction) -> String {
        var line = "\(Timestamp.text(milliseconds)) \(label(entry.level)) \(entry.message.onOneLine)"
        for (key, value) in entry.fields {
            line += " \(key)=\(quoted(redaction.text(value)))"
        }
        return redaction.text(line)
    }

    private static func label(_ level: Logger.Level) -> String {
        switch level {
        case .debug: "debug  "
        case .info: "info   "
        case .notice: "notice "
        case .warning: "warning"
        case .error: "error  "
        }
    }

    /// Values with spaces, quotes or control characters are quoted, so that a line can be taken apart again: in quotes a
    /// backslash stands before each quote and each backslash that is the value's own.
    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0 != "=" }
        guard !isPlain || value.unicodeScalars.contains(where: \.isTerminalControl) else { return value }
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(escaped.onOneLine)\""
    }
}

extension Unicode.Scalar {
    /// C0, DEL and C1, which move a terminal's cursor or worse, line separators, and what turns the reading direction.
    var isTerminalControl: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension String {
    /// The text with control characters spelled out, so that what a job carries can neither break a line nor command
    /// the reader's terminal.
    var onOneLine: String {
        guard unicodeScalars.contains(where: \.isTerminalControl) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.isTerminalControl: text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
