import Foundation
import RdKafka
import Testing

@testable import Kokanee

@Suite("Words to handler processes about their jobs", .timeLimit(.minutes(2)))
struct ProcessWordsTests {
    private let scripts: ScriptDirectory
    private let log = LogCollector()

    init() throws {
        scripts = try ScriptDirectory()
    }

    /// A pool of one process that reads its input beside its work, and does with a word what the test says.
    private func pool(
        _ heed: String,
        greeting: String = #"{"hello":{"cancel":true}}"#,
        _ configure: (inout ProcessPool.Configuration) -> Void = { _ in }
    ) throws -> ProcessPool {
        var configuration = ProcessPool.Configuration()
        configure(&configuration)
        let source = """
            import queue, threading
            print('\(greeting)', flush=True)
            lines = queue.Queue()
            def read():
                for line in iter(sys.stdin.readline, ""):
                    open("\(scripts.path("seen"))", "a").write(line)
                    lines.put(json.loads(line))
                lines.put(None)
            threading.Thread(target=read, daemon=True).start()
            while True:
                job = lines.get()
                if job is None: break
                if job["data"] == "quick":
                    say(id=job["id"], ok=True)
                    continue
                open("\(scripts.path("begun"))", "a").write(job["id"] + "\\n")
                word = lines.get()
                if word is None: break
            \(heed.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))

            """
        let command = try scripts.python(ProcessTest.prelude + source)
        return try ProcessPool(command: command, count: 1, configuration: configuration, logger: log.logger)
    }

    private func begun(_ id: String) async {
        await ProcessTest.eventually { scripts.contents("begun")?.contains(id + "\n") == true }
    }

    @Test("a process that heeds words may end a cancelled job itself, and lives on")
    func cancelled() async throws {
        let pool = try pool(#"say(id=job["id"], stopped=True)"#)
        try await pool.start()
        let task = Task { try await pool.perform("1", ProcessTest.context("a")) }
        await begun("a")
        task.cancel()
        await #expect(throws: JobStop.self) { try await task.value }
        #expect(scripts.contents("seen")?.contains(#"{"id":"a","cancel":true}"#) == true)
        try await pool.perform(#""quick""#, ProcessTest.context("b"))
        #expect(!log.contains("is stopped"))
        await pool.close(within: .seconds(5))
    }

    @Test("a job that is done all the same when it is cancelled has completed")
    func completed() async throws {
        let pool = try pool(#"say(id=job["id"], ok=True)"#)
        try await pool.start()
        let task = Task { try await pool.perform("1", ProcessTest.context("a")) }
        await begun("a")
        task.cancel()
        try await task.value
        await pool.close(within: .seconds(5))
    }

    @Test("a process that doesn't end its job in the grace is stopped")
    func deaf() async throws {
        let pool = try pool("while True: time.sleep(1)") { $0.grace = .milliseconds(200) }
        try await pool.start()
        let task = Task { try await pool.perform("1", ProcessTest.context("a")) }
        await begun("a")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(log.contains("a handler process is stopped: its job was cancelled"))
        try await pool.perform(#""quick""#, ProcessTest.context("b"))
        await pool.close(within: .seconds(5))
    }

    @Test("a process that has not greeted is written nothing but jobs")
    func silent() async throws {
        let pool = try pool("pass", greeting: #"{"hello":{}}"#)
        try await pool.start()
        let task = Task { try await pool.perform("1", ProcessTest.context("a")) }
        await begun("a")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await pool.perform(#""quick""#, ProcessTest.context("b"))
        #expect(scripts.contents("seen")?.contains("cancel") == false)
        await pool.close(within: .seconds(5))
    }

    @Test("a process that stops unasked has failed its attempt, which counts, and lives on")
    func stoppedUnasked() async throws {
        let source = """
            for job in jobs():
                say(id=job["id"], **({"ok": True} if job["data"] == "quick" else {"stopped": True}))

            """
        let command = try scripts.python(ProcessTest.prelude + source)
        let pool = try ProcessPool(command: command, count: 1, logger: log.logger)
        try await pool.start()
        for _ in 0..<3 {
            let error = await #expect(throws: JobError.self) {
                try await pool.perform("1", ProcessTest.context("a"))
            }
            guard case .retry(after: nil)? = error?.verdict else {
                Issue.record("\(String(describing: error))")
                break
            }
            #expect(error?.reason.contains("nobody had asked") == true)
        }
        try await pool.perform(#""quick""#, ProcessTest.context("b"))
        await pool.close(within: .seconds(5))
    }

    @Test("a job over its time has failed, however politely it ends")
    func overrun() async throws {
        let pool = try pool(#"say(id=job["id"], stopped=True)"#) { $0.timeout = .seconds(2) }
        try await pool.start()
        let error = await #expect(throws: HandlerError.self) {
            try await pool.perform("1", ProcessTest.context("a"))
        }
        #expect(error?.code == .timedOut)
        try await pool.perform(#""quick""#, ProcessTest.context("b"))
        await pool.close(within: .seconds(5))
    }

    @Test("a result that is too large makes its job a dead letter, with advice")
    func tooLarge() async throws {
        let source = """
            for job in jobs():
                say(id=job["id"], ok=True, result="x" * job["data"])

            """
        let command = try scripts.python(ProcessTest.prelude + source)
        let pool = try ProcessPool(command: command, count: 1, logger: log.logger)
        try await pool.start()
        let limit = WorkerConfiguration().resultLimit
        // Its quotes count.
        try await pool.perform(Bytes("\(limit - 2)"), ProcessTest.context("a"))
        let error = await #expect(throws: JobError.self) {
            try await pool.perform(Bytes("\(limit - 1)"), ProcessTest.context("b"))
        }
        #expect(error?.reason.contains("resultLimit is \(limit): store it elsewhere") == true)
        await pool.close(within: .seconds(5))
    }
}
