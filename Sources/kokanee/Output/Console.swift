internal import Kokanee
internal import Synchronization

/// The command's voice: results to stdout, everything else to stderr.
final class Console: Sendable {
    enum Verbosity: Sendable {
        case quiet, normal, verbose
    }

    let isJSON: Bool
    let verbosity: Verbosity
    let usesColour: Bool
    /// What of payloads is not to be shown, wherever it may come to stand.
    let redaction: Redaction
    private let output: TextSink
    private let error: TextSink
    /// What the progress bar has drawn on the terminal's last line, to be taken away before other text.
    private let bar = Mutex("")

    init(
        output: TextSink,
        error: TextSink,
        redaction: Redaction = .none,
        isJSON: Bool = false,
        verbosity: Verbosity = .normal,
        environment: [String: String] = [:]
    ) {
        self.output = output
        self.error = error
        self.redaction = redaction
        self.isJSON = isJSON
        self.verbosity = verbosity
        // https://no-color.org: present and not empty, whatever its value.
        usesColour = (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// Where a progress bar may be drawn.
    var isErrorTerminal: Bool { error.isTerminal && verbosity != .quiet }

    var isOutputTerminal: Bool { output.isTerminal }

    /// Text and control sequences for the terminal that stdout is, as they are.
    func steer(_ text: String) throws {
        try output.write(Array(text.utf8))
    }

    /// A result: one line on stdout.
    ///
    /// - Throws: ``TextSink/ReaderGone`` where nobody reads any more.
    func print(_ line: String) throws {
        try write(Array(line.utf8))
    }

    /// A result as one line of JSON on stdout.
    func print(_ object: consuming JSONObjectWriter) throws {
        try write(object.finish())
    }

    /// A result that is a line already, without its line break.
    func print(_ line: [UInt8]) throws {
        try write(line)
    }

    func print(_ table: Table) throws {
        let text = table.text(isBold: usesColour && output.isTerminal)
        guard !text.isEmpty else { return }
        try print(text)
    }

    /// Prints what stands beside a deed, or before a failure: neither is to depend on whether anybody reads it.
    func printBeside(_ body: () throws -> Void) throws {
        do { try body() } catch is TextSink.ReaderGone {}
    }

    /// Prints what a job has left, as it is; to a terminal without what would steer that.
    func print(foreign text: String) throws {
        guard output.isTerminal else { return try print(text) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        try print(lines.map { String($0).onOneLine }.joined(separator: "\n"))
    }

    private func write(_ line: [UInt8]) throws {
        try bar.withLock { bar in
            if output.isTerminal { clear(bar) }
            try output.write(line + [UInt8(ascii: "\n")])
            if output.isTerminal { draw(bar) }
        }
    }

    /// A word to the person at the terminal, on stderr; not with `-q`.
    func say(_ line: String) {
        guard verbosity != .quiet else { return }
        complain(line)
    }

    /// An error or a warning, on stderr.
    func complain(_ line: String) {
        bar.withLock { bar in
            clear(bar)
            writeError("\(line)\n")
            draw(bar)
        }
    }

    /// Replaces the progress bar; an empty one takes it away.
    func showProgress(_ text: String) {
        guard isErrorTerminal else { return }
        bar.withLock { bar in
            if text.isEmpty { clear(bar) }
            bar = text
            draw(bar)
        }
    }

    private func clear(_ bar: String) {
        if !bar.isEmpty { writeError("\r\u{1B}[K") }
    }

    private func draw(_ bar: String) {
        if !bar.isEmpty { writeError("\r\(bar)\u{1B}[K") }
    }

    private func writeError(_ text: String) {
        // Nobody is left to be told that stderr is closed.
        try? error.write(Array(text.utf8))
    }

    /// The log: `time level message key=value` on stderr; from info on, with `-v` all, with `-q` errors only.
    func logger(now: @escaping @Sendable () -> Int64 = { Timestamp.now }) -> Logger {
        let minimum: Logger.Level =
            switch verbosity {
            case .quiet: .error
            case .normal: .info
            case .verbose: .debug
            }
        return Logger(minimumLevel: minimum) { [self] entry in
            complain(LogLine.text(entry, at: now(), redaction: redaction))
        }
    }
}
