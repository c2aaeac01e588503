internal import Glibc
internal import Kokanee

/// A log entry as one line of text.
enum LogLine {
    static func text(_ entry: Logger.Entry, at time: timespec) -> String {
        var line = "\(timestamp(time)) \(label(entry.level)) \(entry.message.onOneLine)"
        for (key, value) in entry.fields {
            line += " \(key)=\(quoted(value))"
        }
        return line
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

    /// Values with spaces, quotes or control characters are quoted, so that a line can be taken apart again.
    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0 != "=" }
        guard !isPlain || value.unicodeScalars.contains(where: \.isTerminalControl) else { return value }
        return "\"\(value.onOneLine.replacing("\"", with: "\\\""))\""
    }

    /// RFC 3339 in UTC, to the millisecond.
    private static func timestamp(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let clock = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(clock).\(padded(Int32(time.tv_nsec / 1_000_000), 3))Z"
    }

    private static func padded(_ value: Int32, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Unicode.Scalar {
    /// C0, DEL and C1: what moves a terminal's cursor or worse.
    var isTerminalControl: Bool { value < 0x20 || 0x7F...0x9F ~= value }
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
