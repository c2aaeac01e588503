import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("ListedOffsets", .timeLimit(.minutes(3)))
struct ListedOffsetsTests {
    @Test("a set of a range has its offsets, and clamping takes all others away", arguments: 1..<4 as Range<UInt64>)
    func ranges(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let start = Int64.random(in: 0..<20_000, using: &random)
            let range = start..<start + Int64.random(in: 0..<20_000, using: &random)
            let whole = OffsetSet(range: range)
            #expect(whole == OffsetSet(range), "\(range)")
            let wide = OffsetSet((0..<200).map { _ in Int64.random(in: 0..<50_000, using: &random) })
            var clamped = wide
            clamped.clamp(to: range)
            var common = wide
            common.formIntersection(whole)
            #expect(clamped == common, "\(range)")
        }
        #expect(OffsetSet(range: 64..<128).chunks[0]?.prefix(3) == [0, .max, 0])
    }

    @Test("outcomes select what they say, within the range")
    func outcomes() {
        func words(_ offsets: [Int64]) -> [UInt64] { OffsetSet(offsets).chunks[0]! }
        var marks = Outcomes()
        marks.addCompleted(build: "bad", replay: nil, chunk: 0, words([1, 2, 3, 4, 50]))
        marks.addCompleted(build: "good", replay: nil, chunk: 0, words([4, 5]))
        marks.addCompleted(build: "good", replay: "r", chunk: 0, words([2, 6]))
        marks.addFailed(chunk: 0, words([3, 7, 60]))
        func offsets(_ change: (inout Selection) -> Void, failures: [Int64] = []) -> [Int64] {
            var selection = Selection()
            change(&selection)
            let listed = ListedOffsets.resolve(selection, [0: 1..<10], [0: marks], failures: [0: OffsetSet(failures)])
            return (0..<100).filter { listed[0]?.contains($0) == true }
        }
        #expect(offsets { $0.isOnlyFailed = true } == [3, 7])
        #expect(offsets({ $0.isOnlyFailed = true }, failures: [8, 70]) == [3, 7, 8])
        #expect(offsets { $0.completedBy = ["bad"] } == [1, 2, 3, 4])
        #expect(offsets { $0.completedBy = ["bad", "good"] } == [1, 2, 3, 4, 5, 6])
        #expect(offsets { $0.completedBy = ["other"] } == [])
        #expect(offsets { ($0.isOnlyFailed, $0.completedBy) = (true, ["bad"]) } == [3])
        #expect(offsets { $0.skipsDone = true } == [7, 8, 9])
        // What the bad build alone did is to be done again; what another has done since is done.
        #expect(offsets { ($0.completedBy, $0.skipsDone) = (["bad"], true) } == [1, 3])
        #expect(offsets { ($0.isOnlyFailed, $0.skipsDone) = (true, true) } == [7])
        // A partition of which nothing is marked.
        var selection = Selection()
        selection.skipsDone = true
        #expect(ListedOffsets.resolve(selection, [3: 2..<4], [:], failures: [:]) == [3: OffsetSet([2, 3])])
    }

    private func stage(_ kind: TestCluster.Kind) async throws -> (replay: Queue, configuration: ClientConfiguration) {
        let cluster = try await TestCluster.shared(kind)
        let queue = try Queue(TestCluster.uniqueName("listed"))
        let replay = try queue.replay(ReplayID.make(at: 0))
        try await cluster.makeTopic(named: replay.stateTopic, partitions: 3)
        return (replay, cluster.configuration)
    }

    @Test(
        "lists are read as they were written, by partition, among whatever else is there",
        arguments: TestCluster.Kind.allCases
    )
    func writeAndRead(kind: TestCluster.Kind) async throws {
        let (replay, configuration) = try await stage(kind)
        let lists: [Int32: OffsetSet] = [0: OffsetSet([0, 1, 8191, 8192, 5_000_000]), 1: OffsetSet()]
        try await ListedOffsets(lists).write(to: replay, configuration)
        let producer = try Producer(configuration)
        for (key, value) in [("offsets/x", "1"), ("offsets/-1", "1"), ("offsets/3", "short"), ("other", "1")] {
            let record = ProducerRecord(topic: replay.stateTopic, partition: 0, key: Bytes(key), value: Bytes(value))
            _ = try await producer.send(record)
        }
        await producer.close()
        #expect(try await ListedOffsets.read(of: replay, configuration).partitions == lists)
        let one = try await ListedOffsets.read(of: replay, partitions: [1], configuration)
        #expect(one.partitions == [1: OffsetSet()] && one.count == 0)
        let missing = await #expect(throws: TopicError.self) {
            try await ListedOffsets.read(of: replay, partitions: [0, 2], configuration)
        }
        #expect(missing?.message.contains("\(replay.stateTopic)/2") == true)
    }

    @Test("a list that was not written to its end is no list")
    func torn() async throws {
        let (replay, configuration) = try await stage(.embedded)
        try await ListedOffsets([0: OffsetSet([1, 2])]).write(to: replay, configuration)
        let producer = try Producer(configuration)
        let total = ProducerRecord(topic: replay.stateTopic, partition: 0, key: "offsets/total", value: "3")
        _ = try await producer.send(total)
        await producer.close()
        let error = await #expect(throws: TopicError.self) {
            try await ListedOffsets.read(of: replay, partitions: [0], configuration)
        }
        #expect(error?.message.contains("2 of 3 are there") == true, "\(error?.message ?? "")")
    }
}
