import Foundation
import RdKafka
import Synchronization
import TestSupport
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

    @Test(
        "a job is told to stop though its process greets after it has got it, or gets it after the worker was stopped",
        arguments: [false, true]
    )
    func stop(beforeTheGreeting: Bool) async throws {
        let source = """
            has_greeted = False
            for job in jobs():
                open("\(scripts.path("begun"))", "a").write(job["id"] + "\\n")
                if not has_greeted:
                    while not os.path.exists("\(scripts.path("go"))"): time.sleep(0.01)
                    print('{"hello":{"cancel":true}}', flush=True)
                    print("greeted", file=sys.stderr, flush=True)
                    has_greeted = True
                word = json.loads(sys.stdin.readline())
                if word == {"id": job["id"], "stop": True}:
                    open("\(scripts.path("told"))", "a").write(job["id"] + "\\n")
                say(id=job["id"], stopped=True)

            """
        let command = try scripts.python(ProcessTest.prelude + source)
        let pool = try ProcessPool(command: command, count: 1, logger: log.logger)
        let fixture = try WorkerFixture()
        try await fixture.enqueue(2)
        let given = Mutex(0)
        let worker = try fixture.worker(set(\.concurrency, 2)) { number, context in
            given.withLock { $0 += 1 }
            try await pool.perform(Bytes("\(number)"), context)
        }
        try await running(worker) {
            try await eventually("one runs, and the other one waits for the process") {
                given.withLock { $0 == 2 } && scripts.contents("begun")?.hasSuffix("\n") == true
            }
            if beforeTheGreeting { worker.stop() }
            scripts.touch("go")
            await ProcessTest.eventually { log.contains("line=greeted") }
        }
        let told = scripts.contents("told")?.split(separator: "\n").map(String.init).sorted()
        #expect(told == ["q/0/0", "q/0/1"])
        #expect(worker.statistics.failedAttempts == 0)
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
