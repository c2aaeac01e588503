import Kokanee
import RdKafka
import TestSupport
import Testing

@testable import kokanee

@Suite("limits, priorities and weights on the command line", .timeLimit(.minutes(2)))
struct LimitsCommandTests {
    @Test("limits are set, shown, replaced and cleared, and a worker's code has the word again at the end")
    func limits() async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try Queue(TestCluster.uniqueName("limits"))
        let early = await ProgramTests.run(
            ["limits", queue.name, "set", "--rate", "1/s"],
            servers: cluster.bootstrapServers
        )
        #expect(early.code == .failure && early.error.text.contains("there is no queue \(queue.name)"))
        _ = try await TopicAdministrator(cluster.admin).create(queue, partitions: 1)
        func run(_ words: String...) async -> (code: ExitCode, output: String) {
            let run = await ProgramTests.run(["limits", queue.name] + words, servers: cluster.bootstrapServers)
            return (run.code, run.output.text)
        }
        let desk = try LimitDesk(cluster.configuration)
        #expect(try await desk.table(of: queue.name) == nil)
        #expect(await run("set", "--type", "mail", "--rate", "100/s", "--burst", "20").code == .success)
        #expect(await run("set", "--key-group", ":", "--concurrency", "4").code == .success)
        #expect(await run("set", "--type", "mail", "--rate", "5/s").code == .success)
        let shown = await run("--json")
        #expect(
            shown.output == """
                {"type":"mail","rate":"5/s","burst":5,"source":"hand"}
                {"keyGroup":":","concurrency":4,"source":"hand"}

                """
        )
        #expect(await run("clear", "--type", "mail").code == .success)
        #expect(await run("clear", "--type", "mail").code == .success)
        #expect(try await desk.table(of: queue.name)?.limits == [JobLimit(grouping: .prefix(":"), concurrency: 4)])
        #expect(await run("clear", "--key-group", ":").code == .success)
        #expect(try await desk.table(of: queue.name) == LimitTable())
        #expect(await run("clear").code == .success)
        #expect(try await desk.table(of: queue.name) == nil)
    }

    @Test("limits that can't be read are cleared by the command that the error names")
    func unreadable() async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try Queue(TestCluster.uniqueName("limits"))
        _ = try await TopicAdministrator(cluster.admin).create(queue, partitions: 1)
        func run(_ words: [String]) async -> ProgramTests.Run {
            await ProgramTests.run(["limits", queue.name] + words, servers: cluster.bootstrapServers)
        }
        let control = try ControlTopic(cluster.configuration)
        try await control.write([(LimitTable.controlKey(of: queue.name), Array("none".utf8))])
        let command = "take it away with: kokanee limits \(queue.name) clear\n"
        for words in [[], ["set", "--rate", "1/s"], ["clear", "--type", "mail"]] {
            let refused = await run(words)
            #expect(refused.code == .input)
            #expect(refused.error.text.hasSuffix(command), "\(refused.error.text)")
        }
        #expect(await run(["clear"]).code == .success)
        #expect(try await LimitDesk(cluster.configuration).table(of: queue.name) == nil)
        #expect(await run(["clear"]).error.text.contains("nothing to do"))
    }

    @Test("limits of the workers' code are shown with those whose they are, unless others are set by hand")
    func ofCode() throws {
        let (mail, all) = (JobLimit(type: "mail", concurrency: 2), JobLimit(concurrency: 9))
        let workers = [(worker: "a:1", limits: [mail, all]), (worker: "b:2", limits: [all])]
        let report = LimitReport(queue: "q", table: nil, workers: workers)
        let text = report.table.text()
        #expect(text.contains("the code of a:1") && text.contains("the workers' code"), "\(text)")
        #expect(
            report.rows.map { String(decoding: LimitReport.json($0).finish(), as: UTF8.self) } == [
                #"{"type":"mail","concurrency":2,"source":"code","workers":["a:1"]}"#,
                #"{"concurrency":9,"source":"code","workers":["a:1","b:2"]}"#,
            ]
        )
        let set = LimitReport(queue: "q", table: try LimitTable([JobLimit(concurrency: 1)]), workers: workers)
        #expect(set.table.text().contains("set by hand") && set.rows.count == 1)
        #expect(set.remarks.count == 1 && set.remarks[0].contains("kokanee limits q clear"), "\(set.remarks)")
        let silent = LimitReport(queue: "q", table: nil, workers: [])
        #expect(silent.rows.isEmpty && silent.remarks[0].contains("none reports now"))
        let none = LimitReport(queue: "q", table: nil, workers: [(worker: "a", limits: [])])
        #expect(none.remarks == ["no limits of q are set by hand, and the workers' code has none"])
    }

    @Test(
        "what can't be meant is 64, and no broker is asked",
        arguments: [
            ["limits", "q", "set"], ["limits", "q", "set", "--burst", "3", "--concurrency", "1"],
            ["limits", "q", "set", "--rate", "none"], ["limits", "q", "set", "--per-key", "--key-group", ":"],
            ["limits", "q", "show", "--rate", "1/s"], ["limits", "q", "clear", "--concurrency", "1"],
            ["limits", "q", "raise"], ["limits", "q.high"],
            ["work", "q", "--exec", "true", "--weight", "q"], ["work", "q", "--exec", "true", "--weight", "q=0"],
            ["work", "q", "--exec", "true", "--weight", "x=2"],
            ["work", "q", "--exec", "true", "--weight", "q=2", "--weight", "q=3"],
            ["work", "q", "--exec", "true", "--priorities", "3:2"],
            ["work", "q", "--exec", "true", "--starvation-limit", "1s"],
            ["enqueue", "q", "--type", "t", "--priority", "urgent"],
        ]
    )
    func refused(words: [String]) async {
        let run = await ProgramTests.run(words, servers: "127.0.0.1:1")
        #expect(run.code == .usage, "\(run.error.text)")
    }

    @Test("a line's priority counts before the file's; a priority that the queue lacks is a bad line")
    func lines() throws {
        let text = #"{"type":"a","data":1,"priority":"low"}"# + "\n" + #"{"type":"a","data":1}"#
        var splitter = LineSplitter(maximumLength: 1000)
        var lines: [LineSplitter.Line] = []
        try Array(text.utf8).withUnsafeBytes { try splitter.add($0, to: &lines) }
        try splitter.finish(&lines)
        let jobs = try lines.map { try JobLine($0, now: 0).job }
        #expect(jobs.map(\.priority) == [.low, .normal])
    }
}
