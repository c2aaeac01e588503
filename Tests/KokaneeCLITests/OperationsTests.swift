import Foundation
import RdKafka
import TestSupport
import Testing

@testable import Kokanee
@testable import kokanee

@Suite("status and replay --reset", .timeLimit(.minutes(2)))
struct OperationsTests {
    /// A queue `NAME` of 3 partitions with 5 records each, on a cluster that other tests use too.
    private static func queue(on cluster: TestCluster) async throws -> Queue {
        let queue = try Queue(TestCluster.uniqueName("cli"), ladder: Ladder(text: "1s"))
        for topic in queue.allTopics { try await cluster.makeTopic(named: topic, partitions: 3) }
        let producer = try Producer(cluster.configuration)
        let records = (0..<15).map { ProducerRecord(topic: queue.mainTopic, partition: $0 % 3, value: "{}") }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
        return queue
    }

    private static func committed(_ queue: Queue, _ cluster: TestCluster) async throws -> [Int64?] {
        let partitions = (0..<3).map { TopicPartition(topic: queue.mainTopic, partition: $0) }
        let committed = try await cluster.admin.committedOffsets(group: queue.group, partitions)
        return partitions.map { committed[$0]??.offset }
    }

    /// Runs a line as a person would who pastes it into a shell.
    private static func paste(_ line: String) async throws -> String {
        try await Oracle.run("sh", ["-c", "PATH='\(try BuiltTool.folder())':\"$PATH\"; \(line)"])
    }

    @Test("status --json has the fields that programs rely on, in one line a queue")
    func statusJSON() async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try await Self.queue(on: cluster)
        let place = TopicPartition(topic: queue.mainTopic, partition: 1)
        _ = try await cluster.admin.alterOffsets(group: queue.group, [place: CommittedOffset(offset: 4)])
        let run = await ProgramTests.run(["status", queue.name, "--json"], servers: cluster.bootstrapServers)
        #expect(run.code == .success)
        let age = try #require(run.output.text.firstMatch(of: /"oldestWaitingSeconds":([0-9.]+)/)?.output.1)
        #expect(
            run.output.text == """
                {"queue":"\(queue.name)","group":"\(queue.group)","waiting":11,"retrying":{"1s":0},"dead":0,\
                "oldestWaitingSeconds":\(age),"workers":0,"stalledPartitions":[],"circuit":"closed","partitions":[\
                {"partition":0,"committed":null,"end":5,"owner":null},\
                {"partition":1,"committed":4,"end":5,"owner":null},\
                {"partition":2,"committed":null,"end":5,"owner":null}],"running":[],"limited":[],\
                "rebalancing":false,\
                "health":null,"metrics":{},"workerReports":[],"replays":[],\
                "paused":null,"pausedTypes":[],"cancellations":0}\n
                """
        )
        let all = await ProgramTests.run(["status", "--json"], servers: cluster.bootstrapServers)
        #expect(all.output.lines.contains { $0.hasPrefix("{\"queue\":\"\(queue.name)\",") })
    }

    @Test("status says of a group that rebalances why nobody has its partitions")
    func rebalancing() throws {
        let status = try QueueRatesTests.status(
            [0: (0, 0)],
            at: 1_800_000_000_000,
            membership: .members([], isRebalancing: true)
        )
        let report = StatusReport(status)
        #expect(report.text(showsPartitions: false).contains("workers   0  the group rebalances: whose a partition is"))
        #expect(String(decoding: report.json.finish(), as: UTF8.self).contains(#""rebalancing":true"#))
    }

    @Test("status for people names the job that holds a stalled partition")
    func statusText() async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try await Self.queue(on: cluster)
        let words = ["status", queue.name, "--stalled-after", "1ms"]
        var text = ""
        try await eventually("the partitions count as stalled") {
            text = await ProgramTests.run(words, servers: cluster.bootstrapServers).output.text
            return text.contains("stalled    3")
        }
        #expect(text.contains("waiting   15  oldest "), "\(text)")
        let job = "\(queue.mainTopic)/0/0"
        #expect(text.contains(": held by job \(job) of type default, "), "\(text)")
        #expect(text.contains("at offset 0; no worker has the partition"), "\(text)")
    }

    @Test("a queue that is not there exits 1 with the command that creates it", arguments: ["status", "replay"])
    func missing(command: String) async throws {
        let cluster = try await TestCluster.shared(.embedded)
        let words = [command, "nope"] + (command == "replay" ? ["--reset", "--to-latest"] : [])
        let run = await ProgramTests.run(words, servers: cluster.bootstrapServers)
        #expect(run.code == .failure)
        #expect(run.error.text == "kokanee: there is no queue nope; create it with: kokanee topics create nope\n")
    }

    @Test(
        "what a replay or a reset is to do has to be said, once, and whole",
        arguments: [
            ("", "what is to be replayed?"), ("--live", "--live goes with --reset"),
            ("--to-latest", "--to-latest goes with --reset"), ("--from -1h --to -2h", "is not before --to"),
            ("--where data.x>", "--where: expression, character 8"), ("--rehearse --from -1h --execute", "exclude"),
            ("--from -1h --sample 3", "--sample goes with --rehearse"), ("--type t --rate 0/s", "--rate"),
            ("--offsets 0=7", "is not PARTITION=FROM:TO"),
            ("--offsets 0=5:5", "is empty"), ("--offsets 0=:0", "is empty"), ("--partition x", "not a partition"),
            ("--type t --payload-version 0", "--payload-version is a whole number"),
            ("--reset", "--reset wants one of --to-earliest, "),
            ("--reset --to-latest --to-earliest", "exclude each other"),
            ("--reset --from -2h --to-latest", "--from is for a side replay"),
            ("--reset --rate 3/s --to-latest", "--rate is for a side replay"),
            ("--reset --to-latest --handler ./fixed.py", "--handler is for running jobs"),
            ("--reset --to-offset -1", "--to-offset is a whole number"),
            ("--reset --offsets 0", "is not PARTITION=OFFSET"),
            ("--reset --to-latest --execute --dry-run", "exclude each other"),
            ("--reset --to-datetime soon", "not a time"),
        ]
    )
    func usage(words: String, message: String) async {
        let run = await ProgramTests.run(["replay", "q"] + words.split(separator: " ").map(String.init))
        #expect(run.code == .usage)
        #expect(run.error.text.contains(message), "\(run.error.text)")
    }

    @Test(
        "a dry run changes nothing; the undo line, pasted, brings the old offsets back",
        arguments: TestCluster.Kind.allCases
    )
    func undo(kind: TestCluster.Kind) async throws {
        let cluster = try await TestCluster.shared(kind)
        let queue = try await Self.queue(on: cluster)
        let places = (0..<3).map { TopicPartition(topic: queue.mainTopic, partition: $0) }
        let old = [places[0]: CommittedOffset(offset: 3), places[1]: CommittedOffset(offset: 5)]
        _ = try await cluster.admin.alterOffsets(group: queue.group, old)
        let words = ["-b", cluster.bootstrapServers, "replay", queue.name, "--reset", "--shift-by", "-2"]

        let refused = await ProgramTests.run(words)
        #expect(refused.code == .failure)
        #expect(refused.error.text.contains("has no offset in partition 2;"), "\(refused.error.text)")
        _ = try await cluster.admin.alterOffsets(group: queue.group, [places[2]: CommittedOffset(offset: 1)])

        let dry = await ProgramTests.run(words)
        #expect(dry.code == .success)
        #expect(dry.error.text.contains("nothing was changed; with --execute it is done"))
        #expect(try await Self.committed(queue, cluster) == [3, 5, 1])

        let run = await ProgramTests.run(words + ["--execute"])
        #expect(run.code == .success, "\(run.error.text)")
        #expect(try await Self.committed(queue, cluster) == [1, 3, 0])
        let line = try #require(run.output.lines.last { $0.hasPrefix("undo: ") })
        _ = try await Self.paste(String(line.dropFirst("undo: ".count)))
        #expect(try await Self.committed(queue, cluster) == [3, 5, 1])
    }

    @Test("--json tells the plan, whether it was done, and how to undo it; none is undone as none")
    func resetJSON() async throws {
        let cluster = try await TestCluster.shared(.server)
        let queue = try await Self.queue(on: cluster)
        let words = ["-b", cluster.bootstrapServers, "replay", queue.name, "--reset", "--to-latest", "--json"]
        let run = await ProgramTests.run(words + ["--execute"])
        let undo =
            "kokanee -b \(cluster.bootstrapServers) replay \(queue.name) --reset --offsets 0-2=none --execute"
        let id = try #require(run.output.text.firstMatch(of: /"replay":"([0-9a-z-]+)"/)?.output.1)
        #expect(try await ReplayBook(cluster.configuration).record(String(id)).beginning.queue == queue.name)
        #expect(
            run.output.text == """
                {"partitions":[{"partition":0,"old":null,"new":5},{"partition":1,"old":null,"new":5},\
                {"partition":2,"old":null,"new":5}],"executed":true,"queue":"\(queue.name)","group":"\(queue.group)",\
                "runsAgain":0,"skipped":15,"lostToRetention":0,"undo":"\(undo)","replay":"\(id)"}\n
                """
        )
        #expect(try await Self.committed(queue, cluster) == [5, 5, 5])
        _ = try await Self.paste(undo)
        #expect(try await Self.committed(queue, cluster) == [nil, nil, nil])
    }

    @Test("the undo line is fit for a shell, and repeats no secret")
    func undoQuoting() throws {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let values = try parser.parse([
            "-F", "it's here", "-X", "sasl.password=hunter2", "-X", "client.id=a b", "replay", "q", "--reset",
            "--to-latest", "--group", "g",
        ]).values
        let text = UndoCommand(queue: "q", old: [0: 1, 1: nil], values).text
        #expect(
            text == "kokanee -F 'it'\\''s here' -X 'sasl.password=…' -X 'client.id=a b' replay q --reset --offsets "
                + "0=1,1=none --group g --execute"
        )
    }

    @Test(
        "ages are told in two units",
        arguments: [
            (0, "0s"), (250, "250ms"), (1999, "1s"), (61_000, "1m1s"), (3_600_000, "1h"), (93_600_000, "1d2h"),
        ] as [(Int64, String)]
    )
    func ages(milliseconds: Int64, text: String) {
        #expect(StatusReport.age(milliseconds) == text)
    }
}
