import RdKafka
import TestSupport
import Testing

@testable import kokanee

@Suite(.timeLimit(.minutes(2)))
struct TopCommandTests {
    private static let enter = "\u{1B}[?1049h"
    private static let leave = "\u{1B}[?25h\u{1B}[?1049l"

    private static func run(_ words: [String], isTerminal: Bool = true, term: String? = "xterm") async
        -> ProgramTests.Run
    {
        let (output, error) = (Recorder(), Recorder())
        let program = Program(
            environment: term.map { ["TERM": $0] } ?? [:],
            output: output.sink(isTerminal: isTerminal),
            error: error.sink(isTerminal: isTerminal),
            interruption: Interruption()
        )
        return .init(code: await program.run(["top", "-b", "127.0.0.1:1"] + words), output: output, error: error)
    }

    @Test(
        "what top can't do is wrong use, and says what can",
        arguments: [
            ("q --interval 199ms", "--interval is from 200ms to 1h, not 199ms"),
            ("q --interval 2h", "--interval is from 200ms to 1h, not 2h"), ("q --interval soon", "--interval: "),
            ("--group g", "--group is for one QUEUE"), ("a b --group g", "--group is for one QUEUE"),
            ("a b a", "a queue is named twice"), ("a/b", "a/b"),
            ("--json", "for programs there is: kokanee status --json"),
        ]
    )
    func wrongUse(words: String, message: String) async {
        let run = await Self.run(words.split(separator: " ").map(String.init))
        #expect(run.code == .usage && run.output.text.isEmpty)
        #expect(run.error.text.contains(message), "\(run.error.text)")
    }

    @Test(
        "top draws on a terminal alone, and sends others to status",
        arguments: [(false, "xterm"), (true, "dumb"), (true, ""), (true, nil)] as [(Bool, String?)]
    )
    func noTerminal(isTerminal: Bool, term: String?) async {
        let run = await Self.run([], isTerminal: isTerminal, term: term)
        #expect(run.code == .usage && run.output.text.isEmpty)
        #expect(run.error.text.contains("use: kokanee status"), "\(run.error.text)")
    }

    @Test("no broker is 69, and the screen stays the shell's")
    func noBroker() async {
        let run = await Self.run(["q"])
        #expect(run.code == .unavailable && run.output.text.isEmpty)
        #expect(run.error.text.contains("no broker answers at 127.0.0.1:1"), "\(run.error.text)")
    }

    // MARK: - On a terminal

    /// The last frame that was drawn, as far as it has come.
    private static func frame(_ terminal: PseudoTerminal) -> String {
        terminal.text.split(separator: "\u{1B}[H").last.map(String.init) ?? ""
    }

    private static func start(_ words: [String], _ servers: String, _ terminal: PseudoTerminal) throws
        -> PseudoTerminal.Running
    {
        let tool = try "\(BuiltTool.folder())/kokanee"
        return try terminal.start("env", ["TERM=xterm", tool, "-b", servers, "top"] + words)
    }

    @Test(
        "it draws a queue, follows it, ends by a key with 0, and leaves the terminal as it was",
        arguments: ["q", "\u{3}"]
    )
    func onTerminal(key: String) async throws {
        try await ProgramTests.withBroker { servers in
            let terminal = try PseudoTerminal(rows: 24, columns: 120)
            let before = terminal.settings
            let running = try Self.start(["orders", "--interval", "200ms"], servers, terminal)
            try await eventually("the queue is drawn") { Self.frame(terminal).contains("  waiting   0") }
            #expect(Self.frame(terminal).contains("kokanee top  \(servers)  "))
            #expect(before.echoesKeys && !terminal.settings.echoesKeys)

            let job = await ProgramTests.run(["enqueue", "orders", "--type", "t"], servers: servers)
            #expect(job.code == .success, "\(job.error.text)")
            try await eventually("the job is drawn") { Self.frame(terminal).contains("  waiting   1") }

            terminal.resize(rows: 3, columns: 30)
            try await eventually("it is drawn anew") { Self.frame(terminal).contains("more lines, for which") }

            terminal.press(key)
            #expect(try await running.end() == 0, "\(terminal.text)")
            #expect(terminal.settings == before)
            try await eventually("the screen is the shell's again") { terminal.text.hasSuffix(Self.leave) }
            #expect(terminal.text.hasPrefix(Self.enter), "\(terminal.text)")
        }
    }

    @Test("another size of the terminal is seen before the next look")
    func resize() async throws {
        try await ProgramTests.withBroker { servers in
            let terminal = try PseudoTerminal(rows: 24, columns: 120)
            let running = try Self.start(["orders", "--interval", "1h"], servers, terminal)
            try await eventually("the queue is drawn") { Self.frame(terminal).contains("  waiting   0") }
            terminal.resize(rows: 3, columns: 30)
            try await eventually("it is drawn anew") { Self.frame(terminal).contains("more lines, for which") }
            terminal.press("q")
            #expect(try await running.end() == 0, "\(terminal.text)")
        }
    }

    @Test("a screen that was closed, because a look was interrupted, is not opened by the look's end")
    func openedLate() {
        let output = Recorder()
        let screen = Screen(console: Console(output: output.sink(isTerminal: true), error: Recorder().sink()))
        screen.close()
        #expect(throws: CancellationError.self) { try screen.open() }
        #expect(output.text.isEmpty && !screen.isOpen)
    }

    @Test("a queue that is not there ends it as it ends status, on a terminal that nothing was drawn on")
    func noQueue() async throws {
        try await ProgramTests.withBroker { servers in
            let terminal = try PseudoTerminal()
            let before = terminal.settings
            let running = try Self.start(["nope"], servers, terminal)
            #expect(try await running.end() == 1)
            try await eventually("it says so") { terminal.text.contains("create it with: kokanee topics create nope") }
            #expect(!terminal.text.contains(Self.enter) && terminal.settings == before)
        }
    }
}
