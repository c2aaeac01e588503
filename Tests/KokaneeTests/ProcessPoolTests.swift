import Foundation
import RdKafka
import Testing

@testable import Kokanee

@Suite("Handler processes", .timeLimit(.minutes(2)))
struct ProcessPoolTests {
    private let scripts: ScriptDirectory
    private let log = LogCollector()

    init() throws {
        scripts = try ScriptDirectory()
    }

    private func pool(
        _ source: String,
        count: Int = 1,
        _ configure: (inout ProcessPool.Configuration) -> Void = { _ in }
    ) throws -> ProcessPool {
        var configuration = ProcessPool.Configuration()
        configure(&configuration)
        let command = try scripts.python(ProcessTest.prelude + source)
        return try ProcessPool(command: command, count: count, configuration: configuration, logger: log.logger)
    }

    private func failure(_ pool: ProcessPool, _ id: String, _ payload: Bytes = "1") async -> (any Error)? {
        do {
            try await pool.perform(payload, ProcessTest.context(id))
            return nil
        } catch {
            return error
        }
    }

    @Test("a process sees the job as it is, and its answer decides")
    func answers() async throws {
        let pool = try pool(
            """
            for line in iter(sys.stdin.readline, ""):
                open("\(scripts.path("seen"))", "a").write(line)
                job = json.loads(line)
                answers = {
                    "ok": dict(ok=True, result=[1]), "no": dict(ok=False, error="nope"),
                    "later": dict(ok=False, error="busy", retry=True, retryAfter=1.5),
                    "text": dict(ok=False, error="busy", retryAfter="5m"),
                    "dead": dict(ok=False, error="bad", retry=False),
                }
                say(id=job["id"], progress=0.5)
                say(id=job["id"], checkpoint={"at": 3})
                say(id=job["id"], **answers[job["id"]])
            """
        )
        try await pool.start()
        try await pool.perform("{\"n\":\n12345678901234567890.10}", ProcessTest.context("ok", key: "k"))
        let verdicts = await [failure(pool, "no", ""), failure(pool, "later"), failure(pool, "text")]
            .map { ($0 as? JobError).map { "\($0.verdict) \($0.reason)" } ?? "\(String(describing: $0))" }
        #expect(
            verdicts == [
                "retry(after: nil) nope", "retry(after: Optional(1.5 seconds)) busy",
                "retry(after: Optional(300.0 seconds)) busy",
            ]
        )
        let dead = await failure(pool, "dead", Bytes([0xFF, 0x00])) as? JobError
        #expect(dead.map { "\($0.verdict) \($0.reason)" } == "deadLetter bad")
        await pool.close(within: .seconds(5))
        let seen = scripts.contents("seen")?.split(separator: "\n") ?? []
        #expect(
            seen.first.map(String.init)
                == #"{"id":"ok","type":"t","version":1,"attempt":1,"key":"k","source":"q/7/1234567890123","#
                + #""data":{"n": 12345678901234567890.10}}"#
        )
        #expect(
            seen.dropFirst().first
                == #"{"id":"no","type":"t","version":1,"attempt":1,"key":null,"source":"q/7/1234567890123","data":null}"#
        )
        #expect(seen.last?.hasSuffix(#","key":null,"source":"q/7/1234567890123","dataBase64":"/wA="}"#) == true)
    }

    @Test("payloads and answers far beyond a pipe's size pass")
    func large() async throws {
        let pool = try pool(
            """
            for job in jobs():
                say(id=job["id"], ok=len(job["data"]) == 5_000_000, more=job["data"])
            """,
            count: 2
        )
        let payload = Bytes([0x22] + Array(repeating: UInt8(ascii: "x"), count: 5_000_000) + [0x22])
        async let first: Void = pool.perform(payload, ProcessTest.context("a"))
        async let second: Void = pool.perform(payload, ProcessTest.context("b"))
        async let third: Void = pool.perform(payload, ProcessTest.context("c"))
        _ = try await (first, second, third)
        await pool.close(within: .seconds(5))
    }

    @Test("1,000 jobs run over 4 processes, one at a time in each")
    func throughput() async throws {
        let pool = try pool(
            """
            for job in jobs():
                open("\(scripts.path("pids"))", "a").write(f"{os.getpid()}\\n")
                say(id=job["id"], ok=True)
            """,
            count: 4
        )
        try await pool.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<1000 { group.addTask { try await pool.perform("{}", ProcessTest.context("\(index)")) } }
            try await group.waitForAll()
        }
        await pool.close(within: .seconds(5))
        let pids = scripts.contents("pids")?.split(separator: "\n").compactMap { pid_t($0) } ?? []
        #expect(pids.count == 1000)
        #expect(Set(pids).count == 4)
        #expect(!pids.contains(where: ProcessTest.isAlive))
    }

    @Test("a crash fails the job in hand with how and why, and the process is replaced")
    func crash() async throws {
        let pool = try pool(
            """
            for job in jobs():
                if job["id"] == "exit":
                    sys.stderr.write("the disk is full\\n"); sys.stderr.flush(); os._exit(3)
                if job["id"] == "signal": os.kill(os.getpid(), signal.SIGSEGV)
                say(id=job["id"], ok=True)
            """
        )
        try await pool.perform("1", ProcessTest.context("fine"))
        let exit = await failure(pool, "exit") as? HandlerError
        #expect(exit?.code == .died)
        #expect(exit?.message.contains("exit status 3") == true)
        #expect(exit?.message.hasSuffix("its stderr: the disk is full") == true)
        let signal = await failure(pool, "signal") as? HandlerError
        #expect(signal?.message.contains("killed by SIGSEGV") == true)
        try await pool.perform("1", ProcessTest.context("fine again"))
        #expect(log.contains("info handler stderr pid="))
        #expect(log.contains("line=the disk is full"))
        await pool.close(within: .seconds(5))
    }

    @Test(
        "what is no answer to the job in hand fails it, and its process is replaced",
        arguments: [
            ("print('hello', flush=True)", "which is not JSON"),
            ("say(id='other', ok=True)", "answered for job"),
            ("say(ok=True)", "which has no id"),
            ("say(id='bad', ok='yes')", "neither true nor false"),
            ("say(id='bad', progress=7)", "not a number from 0 to 1"),
            ("say(id='bad', ok=False, retryAfter='soon')", "neither seconds nor a duration like 5m"),
            ("say(id='bad')", "has no ok, stopped, progress, checkpoint, extend or effect"),
            ("sys.stdout.write('x' * 200_000); sys.stdout.flush(); time.sleep(60)", "a line of more than 100000 bytes"),
            ("os.close(1); time.sleep(60)", "closed its standard input or output"),
        ]
    )
    func nonsense(statement: String, message: String) async throws {
        let pool = try pool(
            """
            for job in jobs():
                if job["id"] == "bad":
                    \(statement)
                else:
                    say(id=job["id"], ok=True)
            """
        ) { $0.maximumAnswerSize = 100_000 }
        try await pool.perform("1", ProcessTest.context("before"))
        let error = await failure(pool, "bad") as? HandlerError
        #expect(error?.code == .brokeProtocol)
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        try await pool.perform("1", ProcessTest.context("after"))
        await pool.close(within: .zero)
    }

    @Test(
        "a process may close its standard error, or send it elsewhere, and works on",
        arguments: ["os.close(2)", "os.dup2(os.open(os.devnull, os.O_WRONLY), 2)"]
    )
    func redirectedErrors(statement: String) async throws {
        let pool = try pool(
            """
            for job in jobs():
                if job["id"] == "first":
                    \(statement)
                    # Longer than a process may live on without its input or output.
                    time.sleep(1)
                say(id=job["id"], ok=True)
            """
        )
        try await pool.perform("1", ProcessTest.context("first"))
        try await pool.perform("1", ProcessTest.context("second"))
        #expect(!log.contains("is replaced"), "\(log.lines)")
        await pool.close(within: .seconds(5))
    }

    @Test("output without a job in hand is logged, and harms nobody")
    func idleOutput() async throws {
        let pool = try pool(
            """
            print("ready", flush=True)
            for job in jobs():
                sys.stdout.write(json.dumps(dict(id=job["id"], ok=True)) + "\\nbye\\n"); sys.stdout.flush()
            """
        )
        await ProcessTest.eventually { log.contains("line=ready") }
        try await pool.perform("1", ProcessTest.context("a"))
        await ProcessTest.eventually { log.contains("line=bye") }
        await pool.close(within: .seconds(5))
    }

    @Test("cancelling an attempt ends it at once, its process for certain, and the next job has another one")
    func cancel() async throws {
        let pool = try pool(
            """
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for job in jobs():
                if job["id"] == "hang":
                    open("\(scripts.path("pid"))", "w").write(f"{os.getpid()}\\n")
                    while True: time.sleep(60)
                say(id=job["id"], ok=True)
            """
        ) { $0.grace = .seconds(1) }
        let task = Task { await failure(pool, "hang") }
        await ProcessTest.eventually { scripts.contents("pid")?.hasSuffix("\n") == true }
        let pid = try #require(pid_t(scripts.contents("pid")?.dropLast() ?? ""))
        task.cancel()
        #expect(await task.value is CancellationError)
        try await pool.perform("1", ProcessTest.context("next"))
        await ProcessTest.eventually { !ProcessTest.isAlive(pid) }
        await pool.close(within: .seconds(5))
    }

    @Test("an attempt that is cancelled while it waits, or before, never reaches a process")
    func cancelWaiting() async throws {
        let pool = try pool(
            """
            for job in jobs():
                open("\(scripts.path("seen"))", "a").write(job["id"] + "\\n")
                while job["id"] == "first" and not os.path.exists("\(scripts.path("go"))"): time.sleep(0.01)
                say(id=job["id"], ok=True)
            """
        )
        async let first: Void = pool.perform("1", ProcessTest.context("first"))
        await ProcessTest.eventually { scripts.contents("seen") == "first\n" }
        let waiting = Task { await failure(pool, "waiting") }
        waiting.cancel()
        #expect(await waiting.value is CancellationError)
        scripts.touch("go")
        try await first
        try await pool.perform("1", ProcessTest.context("last"))
        await pool.close(within: .seconds(5))
        #expect(scripts.contents("seen") == "first\nlast\n")
    }

    @Test("a death is noticed though a grandchild holds the pipes, and the grandchild is killed")
    func grandchild() async throws {
        let pool = try pool(
            """
            import subprocess
            for job in jobs():
                child = subprocess.Popen(["sleep", "600"])
                open("\(scripts.path("pid"))", "w").write(f"{child.pid}\\n")
                os._exit(9)
            """
        )
        let error = await failure(pool, "a") as? HandlerError
        #expect(error?.message.contains("exit status 9") == true)
        let pid = try #require(pid_t(scripts.contents("pid")?.split(separator: "\n").first ?? ""))
        // Killed with its group; it is init's to reap, or the subreaper's.
        await ProcessTest.eventually {
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
            return stat.contains(") Z ")
        }
        await pool.close(within: .seconds(5))
    }

    @Test("processes that die at start burn no job: it waits until one lives, and an error names the command")
    func failingStart() async throws {
        let pool = try pool(
            """
            if not os.path.exists("\(scripts.path("mended"))"):
                sys.exit("no database")
            for job in jobs():
                say(id=job["id"], ok=True)
            """
        ) { $0.failedStartsPerAlarm = 3 }
        async let job: Void = pool.perform("1", ProcessTest.context("patient"))
        await ProcessTest.eventually {
            log.lines.contains {
                $0.hasPrefix("error") && $0.contains("handler.py")
                    && $0.contains("exit status 1; its stderr: no database")
            }
        }
        scripts.touch("mended")
        try await job
        await pool.close(within: .seconds(5))
    }

    @Test(
        "a command that can't be run is an error of start, which says so",
        arguments: ["no-such-command-here x", "/"]
    )
    func notStarted(command: String) async throws {
        let pool = try ProcessPool(command: command, count: 2, logger: log.logger)
        let error = await #expect(throws: HandlerError.self) { try await pool.start() }
        #expect(error?.code == .notStarted)
        #expect(error?.message.contains(command) == true)
        await pool.close(within: .zero)
        await #expect(throws: HandlerError.self) { try await pool.start() }
        #expect((await failure(pool, "late") as? HandlerError)?.code == .closed)
    }

    @Test("closing lets the job in hand end within the limit, fails those that wait, and kills what stays")
    func closing() async throws {
        let pool = try pool(
            """
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for job in jobs():
                open("\(scripts.path("pid"))", "w").write(f"{os.getpid()}\\n")
                while not os.path.exists("\(scripts.path("go"))"): time.sleep(0.01)
                say(id=job["id"], ok=True)
            while True: time.sleep(60)
            """
        ) { $0.grace = .milliseconds(100) }
        async let inHand: Void = pool.perform("1", ProcessTest.context("in hand"))
        await ProcessTest.eventually { scripts.contents("pid")?.hasSuffix("\n") == true }
        let waiting = Task { await failure(pool, "waiting") }
        let closing = Task { await pool.close(within: .seconds(1)) }
        #expect((await waiting.value as? HandlerError)?.code == .closed)
        scripts.touch("go")
        try await inHand
        await closing.value
        let pid = try #require(pid_t(scripts.contents("pid")?.dropLast() ?? ""))
        #expect(!ProcessTest.isAlive(pid))
        await pool.close(within: .zero)
    }

    @Test("pools leave no descriptor and no process behind, closed or dropped")
    func leaks() async throws {
        let command = try scripts.python(ProcessTest.echo)
        let before = ProcessTest.openDescriptors
        for round in 0..<10 {
            let pool = try ProcessPool(command: command, count: 4, logger: log.logger)
            try await pool.perform("1", ProcessTest.context("a"))
            if round % 2 == 0 { await pool.close(within: .seconds(5)) }
        }
        // Other tests run beside this one; a leak of these ten would be 140.
        await ProcessTest.eventually { ProcessTest.openDescriptors < before + 60 }
    }
}
