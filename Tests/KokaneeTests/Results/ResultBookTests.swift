import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("What a client knows of jobs' ends")
struct ResultBookTests {
    private func value(_ outcome: JobRecord.Outcome?, epoch: Int64 = 1, sequence: Int64 = 1) -> Bytes {
        var record = JobRecord()
        record.at = 1
        record.order = .init(epoch: epoch, sequence: sequence)
        record.outcome = outcome
        record.result = JobRecord.Blob(bytes: "7")
        return record.value
    }

    @Test("of a job's records the newest counts, wherever it stands in the log")
    func newest() {
        var book = ResultBook()
        let ended = book.take(id: "a", value: value(.completed, epoch: 2), partition: 3)
        #expect(ended?.ending == .completed && ended?.result == "7" && ended?.partition == 3)
        #expect(book.take(id: "a", value: value(nil, epoch: 1, sequence: 9), partition: 3) == nil)
        #expect(book["a"]?.ending == .completed)
        #expect(book.take(id: "a", value: value(nil, epoch: 3), partition: 3)?.ending == nil)
        #expect(book["a"]?.ending == nil)
    }

    @Test("what has been taken away is not known any more, and garbage never was")
    func gone() {
        var book = ResultBook()
        #expect(book.take(id: "a", value: "garbage", partition: 0) == nil)
        _ = book.take(id: "a", value: value(.dead), partition: 0)
        #expect(book.take(id: "a", value: nil, partition: 0) == nil)
        #expect(book["a"] == nil)
        #expect(!book.hasForgotten("a"))
    }

    @Test("it never holds more than its room, and says of which jobs it has let the end go")
    func room() {
        var book = ResultBook(mostBytes: 1000)
        for number in 0..<20 { _ = book.take(id: "\(number)", value: value(.completed), partition: 0) }
        #expect(book["0"] == nil && book["19"] != nil)
        #expect(book.hasForgotten("0") && !book.hasForgotten("19") && !book.hasForgotten("never"))
    }

    @Test("of what the topic has lost nothing is kept, or a client would grow for as long as it lives")
    func lost() {
        var book = ResultBook(mostBytes: 1000)
        for number in 0..<20 { _ = book.take(id: "\(number)", value: value(.completed), partition: 0) }
        #expect(book.hasForgotten("0"))
        _ = book.take(id: "0", value: nil, partition: 0)
        #expect(!book.hasForgotten("0"))
    }

    @Test("who asks for an end that found no room is told of it all the same", .timeLimit(.minutes(1)))
    func readAgain() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        let topic = fixture.queue.stateTopic
        for number in 0..<20 {
            let key = JobRecord.key(of: "\(number)")
            _ = try await producer.send(
                ProducerRecord(topic: topic, partition: 0, key: key, value: value(.completed))
            )
        }
        await producer.close()
        let desk = ResultDesk(topic: topic, configuration: fixture.client, mostBytes: 1000)
        // When the last one is known the first is so no more.
        for id in ["19", "0"] {
            let end = try await desk.ending(of: id, partition: 0, within: .seconds(20))
            #expect(end.id == id && end.ending == .completed)
            try await eventually("all has been read") { desk.hasCaughtUp }
        }
        // Each is let go of before the next one comes: several who ask at once must not take the reading from each other.
        try await withThrowingTaskGroup(of: String.self) { group in
            for id in ["1", "7", "2", "9", "0"] {
                group.addTask { try await desk.ending(of: id, partition: 0, within: .seconds(20)).id }
            }
            let ids = try await group.reduce(into: Set()) { $0.insert($1) }
            #expect(ids == ["1", "7", "2", "9", "0"])
        }
        desk.close()
    }

    @Test("of a job that ended twice the last end is told, also while older ones are still being read")
    func twice() async throws {
        let fixture = try WorkerFixture()
        let producer = try Producer(fixture.client)
        let topic = fixture.queue.stateTopic
        for (epoch, outcome) in [(1, .dead), (2, nil), (3, .completed)] as [(Int64, JobRecord.Outcome?)] {
            let value = value(outcome, epoch: epoch)
            let key = JobRecord.key(of: "a")
            _ = try await producer.send(ProducerRecord(topic: topic, partition: 0, key: key, value: value))
        }
        // Sent back from the dead letters, and done without leaving anything.
        for value in [value(.dead), nil] {
            let key = JobRecord.key(of: "b")
            _ = try await producer.send(ProducerRecord(topic: topic, partition: 0, key: key, value: value))
        }
        await producer.close()
        let first = ResultDesk(topic: topic, configuration: fixture.client)
        let error = await #expect(throws: ResultError.self) {
            try await first.ending(of: "b", partition: 0, within: .seconds(1))
        }
        #expect(error?.code == .timedOut)
        first.close()
        for _ in 0..<10 {
            let desk = ResultDesk(topic: topic, configuration: fixture.client)
            try await withThrowingTaskGroup(of: JobState.self) { group in
                for _ in 0..<3 {
                    group.addTask { try await desk.ending(of: "a", partition: 0, within: .seconds(20)) }
                }
                for try await end in group { #expect(end.ending == .completed) }
            }
            desk.close()
        }
    }
}
