import Foundation
import RdKafka
import Testing

@testable import Kokanee

@Suite("Jobs that are written ahead to handler processes", .timeLimit(.minutes(2)))
struct ProcessWriteAheadTests {
    private let scripts: ScriptDirectory
    private let log = LogCollector()

    init() throws {
        scripts = try ScriptDirectory()
    }

    private static let ahead = {
        var configuration = ProcessPool.Configuration()
        configuration.writeAhead = 64
        return configuration
    }()

    /// Reads its input without a buffer that hides lines, notes each job that it begins, and calls `special(job)` for
    /// that with the id `special`, with the lines that it has been given already in `ahead`: at least `ahead` of them.
    private func pool(
        _ special: String,
        count: Int = 1,
        ahead: Int = 0,
        _ configure: (inout ProcessPool.Configuration) -> Void = { _ in }
    ) throws -> ProcessPool {
        var configuration = Self.ahead
        configuration.grace = .milliseconds(100)
        if ahead > 0 { configuration.longestWait = .seconds(60) }
        configure(&configuration)
        let source =
            ProcessTest.prelude + """
                ahead = []
                rest = b""
                def note(name, text):
                    file = os.open("\(scripts.url.path)/" + name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
                    os.write(file, text.encode()); os.close(file)
                def special(job):
                    \(special.replacing("\n", with: "\n    "))
                def read():
                    global rest
                    data = os.read(0, 65536)
                    if not data: sys.exit()
                    *lines, rest = (rest + data).split(b"\\n")
                    ahead.extend(json.loads(line) for line in lines)
                while True:
                    while not ahead: read()
                    job = ahead.pop(0)
                    note("begun", job["id"] + "\\n")
                    if job["id"] == "special":
                        while len(ahead) < \(ahead): read()
                        note("ahead", "".join(each["id"] + "\\n" for each in ahead))
                        note("known", "yes\\n")
                        special(job)
                    say(id=job["id"], ok=True)

                """
        let command = try scripts.python(source)
        return try ProcessPool(command: command, count: count, configuration: configuration, logger: log.logger)
    }

    private func lines(_ name: String) -> [String] {
        (scripts.contents(name) ?? "").split(separator: "\n").map(String.init)
    }

    /// 600 jobs at once, the special one behind the first 300; how each ended.
    private func run(_ pool: ProcessPool) async throws -> [String: (any Error)?] {
        try await pool.start()
        return await withTaskGroup(of: (String, (any Error)?).self) { group in
            for index in 0..<600 {
                let id = index == 300 ? "special" : "\(index)"
                group.addTask {
                    do {
                        try await pool.perform("{}", ProcessTest.context(id))
                        return (id, nil)
                    } catch {
                        return (id, error)
                    }
                }
            }
            return await group.reduce(into: [:]) { $0.updateValue($1.1, forKey: $1.0) }
        }
    }

    @Test(
        "a process that fails its part costs the job in hand; those written ahead run in another one, each once",
        arguments: [
            (
                "sys.stderr.write('last words'); sys.stderr.flush(); os._exit(3)", "died",
                "exit status 3; its stderr: last words"
            ),
            ("print('hello', flush=True); time.sleep(60)", "brokeProtocol", "which is not JSON"),
            ("print('a\\nb\\nc', flush=True)", "brokeProtocol", "which is not JSON"),
            ("say(id=ahead[0]['id'], ok=True); time.sleep(60)", "brokeProtocol", "answered for job"),
            ("time.sleep(60)", "timedOut", "ran over 4s"),
            ("os.close(1); time.sleep(60)", "brokeProtocol", "closed its standard input or output"),
        ]
    )
    func failure(statement: String, code: String, message: String) async throws {
        let pool = try pool(statement, ahead: 2) {
            // Long enough for a process to start on a busy machine.
            if code == "timedOut" { $0.timeout = .seconds(4) }
        }
        let results = try await run(pool)
        await pool.close(within: .seconds(5))
        let failed = results.filter { $0.value != nil }
        #expect(failed.keys.sorted() == ["special"])
        let error = failed["special"] as? HandlerError
        #expect(error?.code.description == code)
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        #expect(lines("ahead").count >= 2)
        #expect(lines("begun").sorted() == results.keys.sorted())
        if code == "timedOut" { #expect(log.contains("handler process is replaced")) }
    }

    @Test("cancelling a job that was written ahead ends it at once, and its process finishes the job in hand")
    func cancelAhead() async throws {
        let pool = try pool("while not os.path.exists(\"\(scripts.path("go"))\"): time.sleep(0.01)", ahead: 2)
        try await pool.start()
        var tasks: [String: Task<Void, any Error>] = [:]
        for index in 0..<600 {
            let id = index == 300 ? "special" : "\(index)"
            tasks[id] = Task { try await pool.perform("{}", ProcessTest.context(id)) }
        }
        await ProcessTest.eventually { scripts.contents("known") != nil }
        let cancelled = try #require(lines("ahead").dropFirst().first)
        tasks[cancelled]?.cancel()
        await #expect(throws: CancellationError.self) { try await tasks[cancelled]?.value }
        scripts.touch("go")
        for (id, task) in tasks where id != cancelled { try await task.value }
        await pool.close(within: .seconds(5))
        let begun = lines("begun")
        // A process that comes to the cancelled job is stopped. What it had begun behind that by then runs again.
        #expect(Set(begun.filter { $0 != cancelled }) == Set(tasks.keys.filter { $0 != cancelled }))
        #expect(begun.count { $0 == cancelled } <= 1)
    }

    @Test("a job in hand that takes long keeps none but those in its pipe from the other process")
    func others() async throws {
        let pool = try pool("while not os.path.exists(\"\(scripts.path("go"))\"): time.sleep(0.01)", count: 2)
        try await pool.start()
        let tasks = (0..<2000).map { index in
            let id = index == 1000 ? "special" : "\(index)"
            return Task {
                try await pool.perform("{}", ProcessTest.context(id))
            }
        }
        await ProcessTest.eventually { scripts.contents("known") != nil }
        await ProcessTest.eventually { lines("begun").count >= 2000 - 63 }
        scripts.touch("go")
        for task in tasks { try await task.value }
        await pool.close(within: .seconds(5))
        #expect(Set(lines("begun")).count == 2000)
    }

    @Test("a closing pool lets a process answer what is in its pipe, and says of the rest that it did not run")
    func closing() async throws {
        let pool = try pool("while not os.path.exists(\"\(scripts.path("go"))\"): time.sleep(0.01)")
        let running = Task { try await run(pool) }
        await ProcessTest.eventually { scripts.contents("known") != nil }
        let closing = Task { await pool.close(within: .seconds(20)) }
        scripts.touch("go")
        let results = try await running.value
        await closing.value
        let done = results.filter { $0.value == nil }.keys
        #expect(Set(done).isSuperset(of: lines("ahead")))
        #expect(lines("begun").sorted() == done.sorted())
        for (_, error) in results { if let error { #expect((error as? HandlerError)?.code == .closed) } }
    }

    @Test("a process that writes a word behind each answer is given one job at a time, and does all of them")
    func talker() async throws {
        let command = try scripts.python(
            ProcessTest.prelude + """
                for job in jobs():
                    sys.stdout.write(json.dumps(dict(id=job["id"], ok=True)) + "\\nbye\\n"); sys.stdout.flush()

                """
        )
        let pool = try ProcessPool(command: command, count: 1, configuration: Self.ahead, logger: log.logger)
        let results = try await run(pool)
        await pool.close(within: .seconds(5))
        #expect(results.values.filter { $0 != nil }.isEmpty)
        #expect(pool.demand.current == 1)
    }

    @Test("a process that never reads holds up nobody but its own job, though its pipe is full")
    func deaf() async throws {
        let command = try scripts.python(
            ProcessTest.prelude + """
                try:
                    os.close(os.open("\(scripts.path("deaf"))", os.O_CREAT | os.O_EXCL))
                    time.sleep(600)
                except FileExistsError: pass
                for job in jobs():
                    say(id=job["id"], ok=True)

                """
        )
        let pool = try ProcessPool(command: command, count: 2, configuration: Self.ahead, logger: log.logger)
        try await pool.start()
        let payload = Bytes([0x22] + Array(repeating: UInt8(ascii: "x"), count: 1_000_000) + [0x22])
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let first = (0..<2).map { index in
            Task {
                defer { end.yield() }
                try await pool.perform(payload, ProcessTest.context("\(index)"))
            }
        }
        // Both processes have one of them. One is answered, and the other in deaf hands before any more come.
        _ = await ends.first { _ in true }
        await withTaskGroup(of: Void.self) { group in
            for index in 2..<40 { group.addTask { try? await pool.perform(payload, ProcessTest.context("\(index)")) } }
        }
        for task in first { task.cancel() }
        for task in first { _ = await task.result }
        try await pool.perform(payload, ProcessTest.context("last"))
        await pool.close(within: .zero)
    }

    @Test(
        "the common answer is read as any other would be",
        arguments: [
            (#"{"id":"a-1","ok":true}"#, true), (#"{"id": "a-1", "ok": true}"#, true),
            (#"{"id":"a-1","ok":true} "#, false),
            (#"{"id":"a-1","ok":true,"result":1}"#, false), (#"{"id":"a-2","ok":true}"#, false),
            (#"{"id":"a-1","ok":false}"#, false), (#"{"id":"a-1"}"#, false), (#"{"ok":true,"id":"a-1"}"#, false),
            ("", false),
            (#"{"id":"a-1","ok":tru"#, false), (#"{"id":"a-"#, false), (#"{"id":"a-1","ok":true}}"#, false),
        ]
    )
    func plain(line: String, isPlain: Bool) throws {
        let bytes = Array(line.utf8)
        bytes.withUnsafeBytes { #expect(HandlerMessage.isPlainSuccess($0, of: "a-1") == isPlain) }
        if isPlain { #expect(try HandlerMessage(line: bytes, id: "a-1") == .completed()) }
        for id in ["\"", "\\", "é", "\n", "a\u{7F}"] {
            Array("{\"id\":\"\(id)\",\"ok\":true}".utf8).withUnsafeBytes {
                #expect(!HandlerMessage.isPlainSuccess($0, of: id))
            }
        }
    }
}
