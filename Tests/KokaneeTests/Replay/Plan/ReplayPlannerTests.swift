import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("ReplayPlanner", .timeLimit(.minutes(5)))
struct ReplayPlannerTests {
    /// A queue whose records have the times that a test gives them.
    private struct Stage {
        let cluster: TestCluster
        let queue: Queue
        /// An hour ago, so that no range ends in the future.
        let start = Timestamp.now - 3_600_000

        init(_ kind: TestCluster.Kind, partitions: Int = 2, configs: [String: String] = [:]) async throws {
            cluster = try await TestCluster.shared(kind)
            queue = try Queue(TestCluster.uniqueName("plan"), ladder: Ladder(text: "1s,1m"))
            try await cluster.makeTopic(named: queue.mainTopic, partitions: partitions, configs: configs)
            for topic in queue.retryTopics + [queue.deadLetterTopic] {
                try await cluster.makeTopic(named: topic, partitions: partitions)
            }
        }

        func produce(_ records: [ProducerRecord]) async throws {
            let producer = try Producer(cluster.configuration)
            for result in await producer.send(records) { _ = try result.get() }
            await producer.close()
        }

        /// Records at seconds from the start.
        func produce(_ seconds: [Int64], partition: Int32 = 0, value: Bytes = "{}", headers: [Header] = []) async throws
        {
            try await produce(
                seconds.map {
                    ProducerRecord(
                        topic: queue.mainTopic,
                        partition: partition,
                        value: value,
                        headers: headers,
                        timestamp: start + $0 * 1000
                    )
                }
            )
        }

        /// - Parameters:
        ///   - from: in seconds from the start, as `to`.
        func plan(
            from: Int64? = nil,
            to: Int64? = nil,
            scans: Bool = false,
            outcomes: [Int32: Outcomes] = [:],
            _ change: (inout Selection) -> Void = { _ in }
        ) async throws -> ReplayPlanner.Planned {
            var selection = Selection()
            selection.from = from.map { start + $0 * 1000 }
            selection.to = to.map { start + $0 * 1000 }
            change(&selection)
            let planner = try ReplayPlanner(cluster.configuration) { _, _ in outcomes }
            return try await planner.plan(selection, of: queue, id: ReplayID.make(at: 0), scans: scans)
        }
    }

    private func text(_ plan: ReplayPlan) -> String {
        plan.partitions.map { "\($0.partition): \($0.from)..<\($0.to)" }.joined(separator: ", ")
    }

    private func job(_ id: String, type: String = "t") -> [Header] {
        [
            Header("ce_specversion", "1.0"), Header("ce_id", Bytes(id)), Header("ce_type", Bytes(type)),
            Header("ce_source", "/"),
        ]
    }

    @Test(
        "a range of time begins at its first record and ends behind its last one",
        arguments: TestCluster.Kind.allCases
    )
    func times(kind: TestCluster.Kind) async throws {
        let stage = try await Stage(kind)
        try await stage.produce([0, 10, 20, 30, 40, 50])
        try await stage.produce([5, 900, 1800], partition: 1)
        let planned = try await stage.plan(from: 10, to: 40, scans: true)
        #expect(planned.listed == nil && !planned.plan.hasListedOffsets)
        #expect(text(planned.plan) == "0: 1..<4, 1: 1..<1")
        #expect(planned.plan.count?.matched == 3 && planned.plan.count?.bytes == 6)
        #expect(planned.plan.lostToRetention == 0)
        let notes = planned.plan.notes.joined()
        #expect(kind == .server ? notes.isEmpty : notes.contains("knows no offsets by time"))
    }

    @Test("a job that came late into the log is in the range that its time is in", arguments: TestCluster.Kind.allCases)
    func stragglers(kind: TestCluster.Kind) async throws {
        let stage = try await Stage(kind, partitions: 1)
        try await stage.produce([0, 10, 20, 45, 39, 60, 700, 20])
        let plan = try await stage.plan(from: 10, to: 40, scans: true).plan
        // One that came later than 10 minutes is found where the log is read, and else not.
        #expect(plan.count?.matched == (kind == .server ? 3 : 4))
        #expect(text(plan) == (kind == .server ? "0: 1..<5" : "0: 1..<8"))
        if kind == .server { #expect(plan.notes.joined().contains("1 records of the range stand behind its end")) }
    }

    @Test("with the broker's timestamps a range ends where it ends")
    func brokersTime() async throws {
        let stage = try await Stage(.server, partitions: 1, configs: ["message.timestamp.type": "LogAppendTime"])
        var times: [Int64] = []
        for _ in 0..<4 {
            try await eventually("a millisecond passes") { Timestamp.now > times.last ?? 0 }
            let delivery = try await {
                let producer = try Producer(stage.cluster.configuration)
                defer { Task { await producer.close() } }
                return try await producer.send(ProducerRecord(topic: stage.queue.mainTopic, partition: 0, value: "{}"))
            }()
            times.append(delivery.timestamp)
        }
        let plan = try await stage.plan(scans: true) { ($0.from, $0.to) = (times[1], times[3]) }.plan
        #expect(text(plan) == "0: 1..<3")
        #expect(plan.count == .init(scanned: 2, matched: 2, bytes: 4))
        #expect(plan.notes.isEmpty, "\(plan.notes)")
    }

    @Test("what retention has taken is counted, of offsets exactly, of times at most")
    func retention() async throws {
        let stage = try await Stage(.server)
        try await stage.produce([0, 10, 20, 30, 40, 50])
        try await stage.produce([0, 10], partition: 1)
        let place = TopicPartition(topic: stage.queue.mainTopic, partition: 0)
        _ = try await stage.cluster.admin.deleteRecords(before: [place: 3])
        let byTime = try await stage.plan(from: 10, to: 45).plan
        #expect(byTime.partitions.map(\.lostToRetention) == [3, 0])
        #expect(byTime.partitions[0].from == 3)
        #expect(byTime.notes.contains { $0.contains("first 3 records in partition 0: at most") })
        #expect(try await stage.plan(from: 30).plan.lostToRetention == 0, "the log begins with the range")
        let byOffset = try await stage.plan { $0.stretches = [.init(partition: 0, from: 1, to: 5)] }.plan
        #expect(text(byOffset) == "0: 3..<5")
        #expect(byOffset.lostToRetention == 2)
        #expect(try await stage.plan().plan.lostToRetention == 3)
    }

    @Test(
        "a range without records, or in the future, is a plan of nothing that says so",
        arguments: TestCluster.Kind.allCases
    )
    func nothing(kind: TestCluster.Kind) async throws {
        let stage = try await Stage(kind)
        let none = try await stage.plan(from: 0, to: 10, scans: true).plan
        #expect(text(none) == "0: 0..<0, 1: 0..<0" && none.count == .init())
        try await stage.produce([0, 10])
        let late = try await stage.plan(from: 100).plan
        #expect(text(late) == "0: 2..<2, 1: 0..<0")
        #expect(late.notes.contains { $0.contains("no record is from") })
        let future = try await stage.plan(from: 7200).plan
        #expect(future.records == 0 && future.notes.contains { $0.contains("begins in the future") })
    }

    @Test("partitions that a topic has got since are in the plan, and told of")
    func grown() async throws {
        let stage = try await Stage(.server, partitions: 1)
        try await stage.produce([0, 10, 20])
        let script = """
            import sys
            from confluent_kafka.admin import AdminClient, NewPartitions
            servers, topic = sys.argv[1:]
            admin = AdminClient({'bootstrap.servers': servers})
            for each in admin.create_partitions([NewPartitions(topic, 2)]).values(): each.result(20)
            """
        _ = try await Oracle.python(script, [stage.cluster.bootstrapServers, stage.queue.mainTopic])
        try await eventually("there are two partitions") {
            let metadata = try await stage.cluster.admin.metadata(topics: [stage.queue.mainTopic])
            return metadata.partitions(of: stage.queue.mainTopic)?.count == 2
        }
        try await stage.produce([30, 40], partition: 1)
        let plan = try await stage.plan(from: 15).plan
        #expect(text(plan) == "0: 2..<3, 1: 0..<2")
        #expect(plan.notes.contains { $0.contains("was ever in partition 1") })
    }

    @Test("what can mean nothing is refused before anything is read")
    func refusals() async throws {
        let stage = try await Stage(.embedded)
        await #expect(throws: InputError.self) { try await stage.plan(from: 10, to: 10) }
        await #expect(throws: InputError.self) { try await stage.plan { $0.partitions = [2] } }
        await #expect(throws: InputError.self) { try await stage.plan { $0.expression = "data.x ==" } }
        let planner = try ReplayPlanner(stage.cluster.configuration) { _, _ in [:] }
        let other = try Queue(TestCluster.uniqueName("none"))
        await #expect(throws: TopicError.self) { try await planner.plan(Selection(), of: other, id: "x", scans: false) }
        let replay = try stage.queue.replay(ReplayID.make(at: 0))
        await #expect(throws: InputError.self) {
            try await planner.plan(Selection(), of: replay, id: "x", scans: false)
        }
    }

    @Test("ids become offsets, of which the plan says how many there are and which are missing")
    func ids() async throws {
        let stage = try await Stage(.embedded)
        for number in 0..<6 {
            try await stage.produce([Int64(number)], partition: Int32(number % 2), headers: job("id-\(number)"))
        }
        try await stage.produce([7], headers: job("id-1", type: "other"))
        try await stage.produce([8])
        let headerless = "\(stage.queue.mainTopic)/0/4"
        let planned = try await stage.plan {
            $0.ids = ["id-1", "id-4", "id-9", headerless, "id-8"]
            $0.types = ["t", "default"]
        }
        #expect(planned.plan.selection.ids == nil && planned.plan.hasListedOffsets)
        #expect(planned.listed == ListedOffsets([0: OffsetSet([2, 4]), 1: OffsetSet([0])]))
        #expect(planned.plan.count?.scanned == 8 && planned.plan.count?.matched == 3)
        let note = try #require(planned.plan.notes.first { $0.contains("ids were given") })
        #expect(note.contains("5 ids were given, of which 3 were found") && note.contains("\"id-8\", \"id-9\""))
    }

    @Test("failed jobs are those that are marked so, the dead letters, and those that wait on a rung after an attempt")
    func failed() async throws {
        let stage = try await Stage(.embedded)
        try await stage.produce((0..<10).map { Int64($0) })
        try await stage.produce([0, 1], partition: 1)
        func origin(_ offset: Int64, _ partition: Int32 = 0, topic: String? = nil) -> Header {
            Header("kokanee-origin", Bytes("\(topic ?? stage.queue.mainTopic)/\(partition)/\(offset)"))
        }
        func put(_ topic: String, _ headers: [Header]) -> ProducerRecord {
            ProducerRecord(topic: topic, partition: 0, value: "{}", headers: headers)
        }
        let error = Header("kokanee-error", "E: m")
        try await stage.produce([
            put(stage.queue.deadLetterTopic, [origin(2)]), put(stage.queue.deadLetterTopic, [origin(1, 1)]),
            put(stage.queue.deadLetterTopic, [origin(3, topic: "foreign")]),
            put(stage.queue.deadLetterTopic, [origin(99)]),
            put(stage.queue.deadLetterTopic, [Header("kokanee-origin", "nonsense")]),
            put(stage.queue.deadLetterTopic, []),
            put(stage.queue.retryTopics[1], [origin(4), error]), put(stage.queue.retryTopics[0], [origin(5)]),
        ])
        var marks = Outcomes()
        marks.addFailed(chunk: 0, OffsetSet([7, 50]).chunks[0]!)
        let planned = try await stage.plan(scans: true, outcomes: [0: marks]) { $0.isOnlyFailed = true }
        #expect(planned.listed == ListedOffsets([0: OffsetSet([2, 4, 7]), 1: OffsetSet([1])]))
        #expect(planned.plan.count?.matched == 4 && planned.plan.selection.isOnlyFailed)
    }

    @Test("a later record of a job whose first one is selected is neither counted nor listed")
    func repetitions() async throws {
        let stage = try await Stage(.embedded, partitions: 1)
        let origin = Header("kokanee-origin", Bytes("\(stage.queue.mainTopic)/0/0"))
        try await stage.produce([0], headers: job("a"))
        try await stage.produce([1], headers: job("a") + [origin, Header("kokanee-attempt", "1")])
        try await stage.produce([2], headers: job("a") + [origin, Header("kokanee-retried-from", "q.dlq/0/7")])
        #expect(try await stage.plan(scans: true).plan.count == .init(scanned: 3, matched: 2, bytes: 4))
        let listed = try await stage.plan { $0.ids = ["a"] }.listed
        #expect(listed == ListedOffsets([0: OffsetSet([0, 2])]))
        let rest = try await stage.plan(scans: true) { $0.stretches = [.init(partition: 0, from: 1, to: nil)] }
        #expect(rest.plan.count?.matched == 2, "the first record is in no plan: the later one is all that there is")
    }

    @Test("a job that is not due yet is left out, and told of: live work has it still to come")
    func toCome() async throws {
        let stage = try await Stage(.embedded, partitions: 1)
        let soon = Header("kokanee-due-at", Bytes("\(Timestamp.now + 3_600_000)"))
        let before = Header("kokanee-due-at", Bytes("\(stage.start)"))
        try await stage.produce([0], headers: job("a") + [soon])
        try await stage.produce([1], headers: job("b") + [before])
        let asked = Timestamp.now
        let plan = try await stage.plan(scans: true).plan
        #expect(plan.count == .init(scanned: 2, matched: 1, bytes: 2))
        #expect(plan.notes.contains { $0.hasPrefix("1 jobs are not due yet") })
        #expect(plan.at.map { asked...Timestamp.now ~= $0 } == true)
        let planned = try await stage.plan { $0.ids = ["a", "b"] }
        #expect(planned.listed == ListedOffsets([0: OffsetSet([1])]))
        #expect(planned.plan.notes.contains { $0.contains("2 ids were given, of which 2 were found") })
    }

    @Test("what is done is left out, and without a mark nothing is done")
    func skipsDone() async throws {
        let stage = try await Stage(.embedded, partitions: 1)
        try await stage.produce((0..<6).map { Int64($0) })
        var marks = Outcomes()
        marks.addCompleted(build: "bad", replay: nil, chunk: 0, OffsetSet([0, 1, 2, 3]).chunks[0]!)
        marks.addCompleted(build: "good", replay: "r", chunk: 0, OffsetSet([1]).chunks[0]!)
        let touched = try await stage.plan(scans: true, outcomes: [0: marks]) {
            ($0.completedBy, $0.skipsDone) = (["bad"], true)
        }
        #expect(touched.listed == ListedOffsets([0: OffsetSet([0, 2, 3])]) && touched.plan.count?.matched == 3)
        let rest = try await stage.plan(outcomes: [0: marks]) { $0.skipsDone = true }
        #expect(rest.listed == ListedOffsets([0: OffsetSet([4, 5])]))
        #expect(rest.plan.count == nil)
        let none = try await stage.plan(outcomes: [0: marks]) { $0.completedBy = ["other"] }
        #expect(none.plan.notes.contains { $0.contains("No job of the range has the outcome") })
    }

    @Test("what has no event time, or is no job, is left out, counted, and told of")
    func leftOut() async throws {
        let stage = try await Stage(.embedded, partitions: 1)
        let time = Header("ce_time", Bytes(Timestamp.text(stage.start + 5000)))
        try await stage.produce([0], headers: job("a") + [time])
        try await stage.produce([5000], headers: job("b"))
        try await stage.produce([0], value: "nonsense", headers: job("c") + [time])
        try await stage.produce([0], headers: [Header("ce_id", "half")])
        let plan = try await stage.plan(from: 5, to: 6, scans: true) {
            ($0.clock, $0.expression) = (.event, "data != 1")
        }.plan
        #expect(plan.count?.scanned == 4 && plan.count?.matched == 1)
        #expect(plan.notes.contains { $0.hasPrefix("1 records have no ce_time") })
        #expect(plan.notes.contains { $0.hasPrefix("2 records can't be read") })
    }

    @Test("records without timestamps are in no range of time, and told of", arguments: TestCluster.Kind.allCases)
    func undated(kind: TestCluster.Kind) async throws {
        // A broker may hold a record without a time for one from 1970, and take it away by its age.
        let stage = try await Stage(kind, partitions: 1, configs: ["retention.ms": "-1"])
        let undated = ProducerRecord(topic: stage.queue.mainTopic, partition: 0, value: "{}", timestamp: -1)
        try await stage.produce([undated])
        try await stage.produce([5, 6])
        try await stage.produce([undated])
        let plan = try await stage.plan(from: 5, scans: true).plan
        #expect(text(plan) == "0: 0..<4", "no time says where the range begins")
        #expect(plan.count?.scanned == 4 && plan.count?.matched == 2)
        #expect(plan.notes.contains { $0.contains("The records in partition 0 have no timestamps") })
        #expect(plan.notes.contains { $0.hasPrefix("2 records have no timestamp") })
        #expect(try await stage.plan(scans: true).plan.count?.matched == 4)
    }

    @Test("a scan tells how far it is, and ends with all of it")
    func progress() async throws {
        let stage = try await Stage(.embedded, partitions: 2)
        for partition in Int32(0)..<2 {
            try await stage.produce((0..<5000).map { Int64($0 % 3) }, partition: partition)
        }
        let planner = try ReplayPlanner(stage.cluster.configuration) { _, _ in [:] }
        let seen = Mutex<[ReplayPlanner.Progress]>([])
        _ = try await planner.plan(Selection(), of: stage.queue, id: "x", scans: true) { progress in
            seen.withLock { $0.append(progress) }
        }
        let all = seen.withLock { $0 }
        #expect(all.last == .init(scanned: 10_000, matched: 10_000, total: 10_000))
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.scanned <= $1.scanned })
    }
}
