import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Resets on record, and their undo", .timeLimit(.minutes(3)))
struct ReplayUndoTests {
    private func reset(_ place: QueueOnCluster, to target: OffsetReset.Target) async throws -> ReplayRecord {
        let configuration = place.cluster.configuration
        let plan = try await OffsetResetter(configuration).plan(target, of: place.queue)
        return try await RecordedReset(configuration).execute(plan, by: "me", words: "replay --reset")
    }

    @Test(
        "a reset is on record, and its undo brings the offsets back and is on record",
        arguments: TestCluster.Kind.allCases
    )
    func undo(kind: TestCluster.Kind) async throws {
        let place = try await QueueOnCluster(kind)
        for partition in Int32(0)..<3 { try await place.produce(10, partition: partition) }
        try await place.alter(7, partition: 0, metadata: "")
        try await place.commit(4, partition: 1)
        let configuration = place.cluster.configuration
        let book = try ReplayBook(configuration)
        let undo = try ReplayUndo(configuration)

        let record = try await reset(place, to: .offset(3))
        #expect(try await place.committed() == "3 3 3")
        let written = try #require(try await book.records(queue: place.queue.name).first)
        #expect(written == record)
        #expect(written.beginning.kind == .reset)
        #expect(written.beginning.by == "me")
        #expect(written.beginning.words == "replay --reset")
        #expect(written.beginning.moves?.map(\.old) == [7, 4, nil])
        #expect(written.beginning.moves?.map(\.new) == [3, 3, 3])
        #expect(written.result?.state == .finished)
        #expect(written.result?.counts["runsAgain"] == 5)

        let taken = try await undo.perform(record, by: "you")
        // The embedded broker can't forget an offset: it gets the log's start, which comes to the same.
        #expect(try await place.committed() == (kind == .server ? "7 4 -1" : "7 4 0"))
        #expect(taken.beginning.undoes == record.id)
        let all = try await book.records(queue: place.queue.name)
        #expect(Set(all.map(\.id)) == [record.id, taken.id])
        let undone = try await book.record(record.id)
        #expect(undone.result?.state == .undone)
        #expect(undone.result?.notes == ["undone by you in \(taken.id)"])
        let error = await #expect(throws: ResetError.self) { try await undo.perform(undone, by: "me") }
        #expect(error?.message.contains("undone already: undone by you") == true, "\(error?.message ?? "")")
        // The undo is a reset like any other.
        _ = try await undo.perform(taken, by: "me")
        #expect(try await place.committed() == "3 3 3")
    }

    @Test("what has moved since is not undone, and is named")
    func moved() async throws {
        let place = try await QueueOnCluster(.server)
        for partition in Int32(0)..<3 { try await place.produce(10, partition: partition) }
        let record = try await reset(place, to: .offset(3))
        let map = CompletionMap(runs: [5..<7])
        let metadata = CommitMetadata(owner: "h:1", movedAt: 1, completed: map).text(above: 3)
        try await place.alter(4, partition: 1, metadata: "")
        try await place.alter(3, partition: 2, metadata: metadata)
        let undo = try ReplayUndo(place.cluster.configuration)
        let error = await #expect(throws: ResetError.self) { try await undo.perform(record, by: "me") }
        let message = error?.message ?? ""
        #expect(message.contains("partition 1 is at 4, not at 3"), "\(message)")
        #expect(message.contains("partition 2 has 2 jobs finished beyond 3"), "\(message)")
        #expect(!message.contains("partition 0"), "\(message)")
        #expect(try await place.committed().hasPrefix("3 4 3 k1;"))
        #expect(try await ReplayBook(place.cluster.configuration).record(record.id).result?.state == .finished)
    }

    /// Of its partitions 0 and 1.
    private static func rewind(of queue: Queue) -> Rewind {
        Rewind(
            id: ReplayID.make(at: Timestamp.now),
            queue: queue.name,
            group: queue.group,
            at: Timestamp.now,
            by: "me",
            targets: [.init(partition: 0, offset: 1, old: nil), .init(partition: 1, offset: 1, old: nil)]
        )
    }

    @Test("once the offsets have moved it is written down, also by a task that is cancelled")
    func cancelled() async throws {
        let place = try await QueueOnCluster(.embedded, partitions: 1)
        let book = try ReplayBook(place.cluster.configuration)
        func beginning(undoing id: String?) -> ReplayRecord.Beginning {
            .init(
                id: ReplayID.make(at: Timestamp.now),
                kind: .reset,
                queue: place.queue.name,
                group: place.queue.group,
                at: Timestamp.now,
                by: "me",
                words: "",
                moves: [.init(partition: 0, old: 1, new: 0)],
                undoes: id
            )
        }
        let undone = ReplayRecord(beginning: beginning(undoing: nil))
        let undo = ReplayRecord(beginning: beginning(undoing: undone.id))
        for record in [undone, undo] { try await book.begin(record.beginning) }
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await book.finish(undo, counts: [:])
        }
        #expect(try await task.value.result?.state == .finished)
        #expect(try await book.record(undo.id).result?.state == .finished)
        #expect(try await book.record(undone.id).result?.state == .undone)
    }

    @Test("a reset that is refused changes nothing, and is on record as failed")
    func refused() async throws {
        let place = try await QueueOnCluster(.embedded, partitions: 2)
        try await place.produce(5, partition: 0)
        try await place.alter(1, partition: 0, metadata: "")
        let configuration = place.cluster.configuration
        let plan = try await OffsetResetter(configuration).plan(.latest, of: place.queue)
        try await place.alter(2, partition: 0, metadata: "")
        let desk = try RewindDesk(configuration)
        let rewind = Self.rewind(of: place.queue)
        try await desk.write(rewind)
        await #expect(throws: ResetError.self) {
            try await RecordedReset(configuration).execute(plan, by: "me", words: "")
        }
        // Nor does it take anything out of a rewind that stands.
        #expect(try await desk.rewind(queue: place.queue.name, group: place.queue.group) == rewind)
        #expect(try await place.committed() == "2 -1")
        let record = try #require(try await ReplayBook(configuration).records(queue: place.queue.name).first)
        #expect(record.result?.state == .cancelled)
        #expect(record.result?.notes.first?.contains("has moved since") == true)
        let error = await #expect(throws: ResetError.self) { try await ReplayUndo(configuration).check(record) }
        #expect(error?.message.contains("was not finished: failed: ") == true, "\(error?.message ?? "")")
    }

    @Test(
        "a reset whose answer is lost is on record as failed only where no offset has moved",
        arguments: [nil, 3] as [Int64?]
    )
    func lostAnswer(movedTo offset: Int64?) async throws {
        let place = try await QueueOnCluster(.server, partitions: 2)
        try await place.produce(5, partition: 0)
        try await place.alter(1, partition: 0, metadata: "")
        let configuration = place.cluster.configuration
        let plan = try await OffsetResetter(configuration).plan(.exactly([0: 3]), of: place.queue)
        let desk = try RewindDesk(configuration)
        let rewind = Self.rewind(of: place.queue)
        try await desk.write(rewind)
        await #expect(throws: KafkaError.self) {
            try await RecordedReset(configuration).execute(plan, by: "me", words: "") { prepare in
                try await prepare()
                if let offset { try await place.alter(offset, partition: 0, metadata: "") }
                throw KafkaError(code: .localTimedOut, operation: "altering offsets", message: "no answer")
            }
        }
        let record = try #require(try await ReplayBook(configuration).records(queue: place.queue.name).first)
        let state: ReplayRecord.Result.State? = offset == nil ? .cancelled : nil
        #expect(record.result?.state == state)
        let left = try #require(try await desk.rewind(queue: place.queue.name, group: place.queue.group))
        #expect(left.targets.map(\.partition) == (offset == nil ? [0, 1] : [1]))
    }

    @Test("a reset takes its partitions out of a rewind that stands")
    func releases() async throws {
        let place = try await QueueOnCluster(.embedded, partitions: 2)
        for partition in Int32(0)..<2 { try await place.produce(5, partition: partition) }
        let desk = try RewindDesk(place.cluster.configuration)
        let queue = place.queue
        let rewind = Self.rewind(of: queue)
        try await desk.write(rewind)
        _ = try await reset(place, to: .exactly([0: 2]))
        var left = try #require(try await desk.rewind(queue: queue.name, group: queue.group))
        #expect(left.targets.map(\.partition) == [1])
        #expect(left.state == .standing)
        _ = try await reset(place, to: .exactly([1: 2]))
        left = try #require(try await desk.rewind(queue: queue.name, group: queue.group))
        #expect(left.state == .withdrawn)
    }

    @Test("what moved nothing, or is not finished, is not undone")
    func nothingToUndo() {
        func record(
            _ kind: ReplayRecord.Kind,
            moves: [ReplayRecord.Move]? = nil,
            result: ReplayRecord.Result.State? = .finished
        ) -> ReplayRecord {
            ReplayRecord(
                beginning: .init(
                    id: "x",
                    kind: kind,
                    queue: "q",
                    group: "g",
                    at: 1,
                    by: "me",
                    words: "",
                    moves: moves
                ),
                result: result.map { .init(state: $0, at: 2) }
            )
        }
        let moves = [ReplayRecord.Move(partition: 0, old: 2, new: 1)]
        let cases: [(ReplayRecord, String)] = [
            (record(.side), "nothing was moved: a side replay"),
            (record(.reset, moves: []), "nothing was moved"),
            (record(.rewind, moves: moves, result: nil), "it is not finished"),
            (record(.reset, moves: moves, result: .cancelled), "it was not finished"),
        ]
        for (record, words) in cases {
            let error = #expect(throws: ResetError.self) { try ReplayUndo.moves(of: record) }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
        #expect(throws: Never.self) { try ReplayUndo.moves(of: record(.rewind, moves: moves)) }
    }
}
