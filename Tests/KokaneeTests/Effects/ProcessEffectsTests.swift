import RdKafka
import Testing

@testable import Kokanee

@Suite("Effects of handler processes", .timeLimit(.minutes(2)))
struct ProcessEffectsTests {
    private let scripts: ScriptDirectory
    private let log = LogCollector()

    init() throws {
        scripts = try ScriptDirectory()
    }

    private func context(_ id: String, replay: String? = nil, effects: Effects = .performed) -> JobContext {
        JobContext(
            queue: "q",
            envelope: Envelope(id: id, type: "t"),
            maximumAttempts: 6,
            key: nil,
            source: Envelope.Origin(topic: "q", partition: 0, offset: 0),
            replay: replay,
            effects: effects
        )
    }

    @Test("a process is told that it rehearses, and its effects are noted; else they count for nothing")
    func python() async throws {
        let command = try scripts.python(
            ProcessTest.prelude + """
                for job in jobs():
                    open("\(scripts.path("seen"))", "a").write(
                        "%s %s %s\\n" % (job["id"], job.get("replay"), job.get("rehearsal")))
                    say(id=job["id"], effect=dict(name="email.send", detail="to " + job["id"]))
                    say(id=job["id"], effect=dict(name="pay"))
                    say(id=job["id"], ok=True)
                """
        )
        let pool = try ProcessPool(command: command, count: 1, logger: log.logger)
        try await pool.perform("1", context("live"))
        let effects = EffectLog()
        try await pool.perform("1", context("again", replay: "20261125-214400-k3f9", effects: .noted(in: effects)))
        #expect(effects.effects == [Effect("email.send", "to again"), Effect("pay")])
        #expect(scripts.contents("seen") == "live None None\nagain 20261125-214400-k3f9 True\n")
        await pool.close(within: .seconds(5))
    }

    @Test("a shell script can do it, too")
    func shell() async throws {
        let script = """
            while read -r line; do
                id=$(printf %s "$line" | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
                case $line in
                    *'"rehearsal":true'*) echo "{\\"id\\":\\"$id\\",\\"effect\\":{\\"name\\":\\"rm\\"}}" ;;
                    *) touch \(scripts.path("done")) ;;
                esac
                echo "{\\"id\\":\\"$id\\",\\"ok\\":true}"
            done
            """
        let pool = try ProcessPool(command: script, count: 1, logger: log.logger)
        let effects = EffectLog()
        try await pool.perform("1", context("a", effects: .noted(in: effects)))
        #expect(effects.effects == [Effect("rm")])
        #expect(scripts.contents("done") == nil)
        try await pool.perform("1", context("b"))
        #expect(scripts.contents("done") != nil)
        await pool.close(within: .seconds(5))
    }

    @Test(
        "effects are read, and what is none is an error of the process",
        arguments: [
            (#"{"id":"a","effect":{"name":"n","detail":"d"}}"#, HandlerMessage.effect(Effect("n", "d"))),
            (#"{"id":"a","effect":{"name":"n","more":[1],"detail":null}}"#, .effect(Effect("n"))),
            (#"{"id":"a","effect":{"name":"a\nb","detail":"c\u001bd"}}"#, .effect(Effect("a b", "c d"))),
            (#"{"id":"a","effect":"n"}"#, nil), (#"{"id":"a","effect":{}}"#, nil),
            (#"{"id":"a","effect":{"name":""}}"#, nil), (#"{"id":"a","effect":null}"#, nil),
        ] as [(String, HandlerMessage?)]
    )
    func messages(line: String, expected: HandlerMessage?) throws {
        guard let expected else {
            #expect(throws: HandlerMessage.Failure.self) { try HandlerMessage(line: Array(line.utf8), id: "a") }
            return
        }
        #expect(try HandlerMessage(line: Array(line.utf8), id: "a") == expected)
    }

    @Test("a command's environment names the replay and the rehearsal")
    func environment() async throws {
        let handler = try CommandHandler(
            command: "env | grep -E '^KOKANEE_RE(PLAY|HEARSAL)=' | sort > \(scripts.path("$KOKANEE_JOB_ID"))",
            count: 1,
            logger: log.logger
        )
        let replay = "20261125-214400-k3f9"
        try await handler.perform("", context("rehearsed", replay: replay, effects: .noted(in: EffectLog())))
        try await handler.perform("", context("replayed", replay: replay))
        try await handler.perform("", context("live"))
        #expect(scripts.contents("rehearsed") == "KOKANEE_REHEARSAL=1\nKOKANEE_REPLAY=20261125-214400-k3f9\n")
        #expect(scripts.contents("replayed") == "KOKANEE_REPLAY=20261125-214400-k3f9\n")
        #expect(scripts.contents("live")?.isEmpty == true)
        await handler.close(within: .seconds(5))
    }

    @Test("variables of ours that this program has itself are not inherited")
    func inherited() {
        func hasPath(_ variables: [[UInt8]]) -> Bool { variables.contains { $0.starts(with: "PATH=".utf8) } }
        #expect(hasPath(ProcessEnvironment.inherited(without: ["KOKANEE_JOB_"])))
        #expect(!hasPath(ProcessEnvironment.inherited(without: ["KOKANEE_JOB_", "PATH="])))
        let ours = ["KOKANEE_JOB_", "KOKANEE_REPLAY=", "KOKANEE_REHEARSAL=", "TRACEPARENT=", "TRACESTATE="]
        #expect(CommandHandler.ownVariables == ours)
    }
}
