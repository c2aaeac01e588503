import Foundation
import RdKafka
import Testing

@testable import Kokanee

@Suite("A command for each attempt", .timeLimit(.minutes(2)))
struct ProcessCommandTests {
    private let scripts: ScriptDirectory
    private let log = LogCollector()

    init() throws {
        scripts = try ScriptDirectory()
    }

    private func handler(_ command: String, count: Int = 4, grace: Duration = .seconds(2)) throws -> CommandHandler {
        try CommandHandler(command: command, count: count, grace: grace, logger: log.logger)
    }

    private func outcome(_ handler: CommandHandler, _ context: JobContext) async -> String {
        do {
            try await handler.perform("", context)
            return "done"
        } catch let error as JobError {
            return "\(error.verdict): \(error)"
        } catch let error as HandlerError {
            return "\(error.code): \(error)"
        } catch {
            return "\(error)"
        }
    }

    @Test("the payload is the input, and the environment names the job")
    func environment() async throws {
        let handler = try handler("{ env | grep ^KOKANEE_JOB_ | sort; cat; } > \(scripts.path("$KOKANEE_JOB_ID"))")
        try await handler.perform("pay\0load", ProcessTest.context("with-key", key: "k=1", attempt: 3))
        try await handler.perform("", ProcessTest.context("without"))
        await handler.close(within: .seconds(5))
        #expect(
            scripts.contents("with-key")
                == "KOKANEE_JOB_ATTEMPT=3\nKOKANEE_JOB_ID=with-key\nKOKANEE_JOB_KEY=k=1\n"
                + "KOKANEE_JOB_SOURCE=q/7/1234567890123\nKOKANEE_JOB_TYPE=t\npay\0load"
        )
        #expect(scripts.contents("without")?.contains("KEY") == false)
    }

    @Test(
        "the exit status decides, and the end of stderr says why",
        arguments: [
            ("exit 0", "done"),
            ("echo warning >&2", "done"),
            ("echo busy >&2; exit 75", "retry(after: nil): busy"),
            ("exit 65", "deadLetter: exit status 65"),
            ("printf 'bad\\ninput' >&2; exit 65", "deadLetter: bad\ninput"),
            ("exit 7", "failed: exit status 7"),
            ("kill -SEGV $$", "failed: killed by SIGSEGV"),
        ]
    )
    func verdicts(command: String, expected: String) async throws {
        let handler = try handler(command)
        #expect(await outcome(handler, ProcessTest.context("a")) == expected)
        await handler.close(within: .seconds(5))
    }

    @Test("a command's output is logged, all of it, and never this program's output")
    func output() async throws {
        let handler = try handler("echo one; echo two >&2; printf three")
        try await handler.perform("", ProcessTest.context("job-1"))
        for line in ["one", "two", "three"] {
            #expect(log.lines.contains { $0.contains("job=job-1") && $0.hasSuffix("line=\(line)") })
        }
        await handler.close(within: .seconds(5))
    }

    @Test("a large payload is read whole, or not at all, as the command likes")
    func large() async throws {
        let payload = Bytes(Array(repeating: UInt8(ascii: "x"), count: 5_000_000))
        let counting = try handler("test $(wc -c) = 5000000")
        try await counting.perform(payload, ProcessTest.context("a"))
        await counting.close(within: .seconds(5))
        let ignoring = try handler("exec <&-; sleep 0.05; exit 0")
        try await ignoring.perform(payload, ProcessTest.context("a"))
        await ignoring.close(within: .seconds(5))
    }

    @Test("200 attempts at once run no more than the count, and all of them")
    func bounded() async throws {
        let directory = scripts.path("running")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let handler = try handler(
            """
            touch \(directory)/$KOKANEE_JOB_ID
            test $(ls \(directory) | wc -l) -le 8 || exit 65
            rm \(directory)/$KOKANEE_JOB_ID
            """,
            count: 8
        )
        let before = ProcessTest.openDescriptors
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 { group.addTask { try await handler.perform("x", ProcessTest.context("\(index)")) } }
            try await group.waitForAll()
        }
        await handler.close(within: .seconds(5))
        await ProcessTest.eventually { ProcessTest.openDescriptors < before + 100 }
    }

    @Test("a program behind a shell has its grace, though the shell is gone at once", .timeLimit(.minutes(1)))
    func graceBehindShell() async throws {
        let (ready, done) = (scripts.path("ready"), scripts.path("rolled-back"))
        let program =
            "trap 'sleep 0.3; echo > \(done)' TERM; echo > \(ready); while [ ! -e '\(done)' ]; do sleep 0.05; done"
        let handler = try handler("cd / && /bin/sh -c \"\(program)\"; true", grace: .seconds(50))
        let task = Task { await outcome(handler, ProcessTest.context("a")) }
        await ProcessTest.eventually { scripts.contents("ready") != nil }
        task.cancel()
        #expect(await task.value == "CancellationError()")
        await ProcessTest.eventually { scripts.contents("rolled-back") != nil }
        // Not before nobody of the group has its output any more, and then without waiting for the rest of the grace.
        await handler.close(within: .seconds(600))
    }

    @Test("cancelling kills the whole group, at once for the caller")
    func cancel() async throws {
        let handler = try handler(
            "trap '' TERM; sleep 600 & echo $! > \(scripts.path("pid")); wait; sleep 600",
            grace: .milliseconds(100)
        )
        let task = Task { await outcome(handler, ProcessTest.context("a")) }
        await ProcessTest.eventually { scripts.contents("pid")?.hasSuffix("\n") == true }
        let pid = try #require(pid_t(scripts.contents("pid")?.dropLast() ?? ""))
        task.cancel()
        #expect(await task.value == "CancellationError()")
        await ProcessTest.eventually {
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
            return stat.contains(") Z ")
        }
        await handler.close(within: .zero)
    }

    @Test(
        "a command in which a shell has nothing to do is run without one, and no other",
        arguments: [
            ("/bin/true", ["/bin/true"]), ("./thumb.sh  -q 80 a,b:c@d%+_", ["./thumb.sh", "-q", "80", "a,b:c@d%+_"]),
            ("true", nil), ("exit 0", nil), ("a/b $KOKANEE_JOB_ID", nil), ("a/b 'c d'", nil), ("a/b; c", nil),
            ("a/b >c", nil), ("X=1 a/b", nil), ("~/b", nil), ("a/*", nil), ("a/b\nc", nil), ("a/b # c", nil), ("", nil),
            ("a/b\\", nil), ("a/b !", nil), ("é/b", nil),
        ] as [(String, [String]?)]
    )
    func shell(command: String, words: [String]?) {
        #expect(Program.words(of: command) == words)
    }

    @Test("a script without a #! line, and one that is not there, are what a shell makes of them")
    func noShebang() async throws {
        try "echo $KOKANEE_JOB_ID >&2; exit 65\n".write(
            toFile: scripts.path("script"),
            atomically: true,
            encoding: .utf8
        )
        let absent = try handler(scripts.path("script"))
        #expect(await outcome(absent, ProcessTest.context("a")).contains("ermission denied"))
        #expect(chmod(scripts.path("script"), 0o755) == 0)
        #expect(await outcome(absent, ProcessTest.context("a")) == "deadLetter: a")
        await absent.close(within: .seconds(5))
    }

    @Test("an end is noticed though a grandchild holds the pipes")
    func grandchild() async throws {
        let handler = try handler("sleep 600 & exit 0")
        let start = ContinuousClock.now
        try await handler.perform("", ProcessTest.context("a"))
        #expect(ContinuousClock.now - start < .seconds(10))
        await handler.close(within: .zero)
    }

    @Test("what no environment variable can hold is a dead letter")
    func unfit() async throws {
        let handler = try handler("exit 0")
        let nul = await outcome(handler, ProcessTest.context("a", key: "a\0b"))
        #expect(nul == "deadLetter: the job's key has a NUL byte, which no variable can hold")
        let long = Bytes(Array(repeating: UInt8(ascii: "k"), count: 200_000))
        #expect(await outcome(handler, ProcessTest.context("a", key: long)).hasPrefix("deadLetter: "))
        try await handler.perform("", ProcessTest.context("a", key: Bytes([0xFF])))
        await handler.close(within: .seconds(5))
    }

    @Test("while the system is short of something, starts are tried after growing pauses, or when a command has ended")
    func shortage() {
        let now = ContinuousClock.now
        var pause = StartPause()
        var areFirst: [Bool] = []
        var lengths: [Duration] = []
        for _ in 0..<7 {
            areFirst.append(pause.begin(now))
            lengths.append((pause.end ?? now) - now)
        }
        #expect(areFirst == [true, false, false, false, false, false, false])
        #expect(lengths.prefix(3) == [.milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(lengths.suffix(2) == [.seconds(3), .seconds(3)])
        pause.cutShort()
        #expect(pause.end == nil)
        areFirst.append(pause.begin(now))
        #expect(areFirst.last == false)
        pause.forget()
        #expect(pause.end == nil)
        areFirst.append(pause.begin(now))
        #expect(areFirst.last == true)
        #expect(pause.end == now + .milliseconds(100))
    }

    @Test("a system call that fails for want of something is told from one that can't succeed")
    func shortages() {
        for code in [EMFILE, ENFILE, EAGAIN, ENOMEM] { #expect(SystemError("starting", code: code).isShortage) }
        for code in [E2BIG, ENOENT, EACCES] { #expect(!SystemError("starting", code: code).isShortage) }
    }

    @Test("after closing, attempts fail, and those that waited have failed")
    func closing() async throws {
        let handler = try handler("echo > \(scripts.path("started")); sleep 600", count: 1, grace: .milliseconds(100))
        let running = Task { await outcome(handler, ProcessTest.context("a")) }
        await ProcessTest.eventually { scripts.contents("started") != nil }
        let waiting = Task { await outcome(handler, ProcessTest.context("b")) }
        await handler.close(within: .milliseconds(100))
        #expect(await running.value.hasPrefix("closed: "))
        #expect(await waiting.value.hasPrefix("closed: "))
        #expect(await outcome(handler, ProcessTest.context("c")).hasPrefix("closed: "))
    }
}
