import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct HandOverTests {
    struct Numbers: Gatherable, Equatable, ExpressibleByIntegerLiteral {
        var all: [Int]

        init(_ all: [Int]) { self.all = all }

        init(integerLiteral value: Int) { all = [value] }

        mutating func append(_ next: Numbers) { all += next.all }
    }

    struct Broken: Error {}

    @Test("what is given while the taker is busy is taken as one, in its order")
    func gathers() async throws {
        let handOver = HandOver<Numbers>(limit: 100)
        for number in 1...5 { handOver.give(Numbers([number]), size: 1) }
        #expect(try await handOver.take() == Numbers([1, 2, 3, 4, 5]))
        handOver.give(6, size: 1)
        #expect(try await handOver.take() == 6)
    }

    @Test("a taker that waits gets a lone part, and what comes then is not gathered with it")
    func lonePart() async throws {
        let handOver = HandOver<Numbers>(limit: 100)
        let taker = Task { try await handOver.take() }
        try await eventually("the taker waits") { handOver.isTakerWaiting }
        handOver.give(1, size: 1)
        handOver.give(2, size: 1)
        #expect(try await taker.value == 1)
        #expect(handOver.size == 1)
        #expect(try await handOver.take() == 2)
    }

    @Test("the giver is held at the limit until all is taken, and a part that is larger than the room is taken whole")
    func bound() async throws {
        let handOver = HandOver<Numbers>(limit: 10)
        #expect(handOver.awaitRoom() == 10)
        handOver.give(1, size: 4)
        #expect(handOver.awaitRoom() == 6)
        let given = Atomic(1)
        let isEnded = Atomic(false)
        OSThread.start(name: "giver") {
            while handOver.awaitRoom() != nil {
                let number = given.add(1, ordering: .relaxed).newValue
                handOver.give(Numbers([number]), size: 4)
            }
            isEnded.store(true, ordering: .relaxed)
        }
        for first in [1, 4, 7] {
            try await eventually("the giver is held") {
                handOver.isGiverHeld && given.load(ordering: .relaxed) == first + 2
            }
            #expect(handOver.size == 12)
            #expect(try await handOver.take() == Numbers([first, first + 1, first + 2]))
        }
        try await eventually("the giver is held") { handOver.isGiverHeld }
        handOver.close()
        try await eventually("the giver is released") { isEnded.load(ordering: .relaxed) }
        #expect(try await handOver.take() == nil)
    }

    @Test("what was given before the end is taken before it")
    func end() async throws {
        let handOver = HandOver<Numbers>(limit: 100)
        handOver.give(1, size: 1)
        handOver.finish(.success(()))
        #expect(try await handOver.take() == 1)
        for _ in 1...2 { #expect(try await handOver.take() == nil) }
        let broken = HandOver<Numbers>(limit: 100)
        broken.give(1, size: 1)
        broken.finish(.failure(Broken()))
        #expect(try await broken.take() == 1)
        for _ in 1...2 { await #expect(throws: Broken.self) { try await broken.take() } }
    }

    @Test("a taker that waits hears of the end, of an error and of a close", arguments: ["end", "error", "close"])
    func waitingTaker(how: String) async throws {
        let handOver = HandOver<Numbers>(limit: 100)
        let taker = Task { try await handOver.take() }
        try await eventually("the taker waits") { handOver.isTakerWaiting }
        switch how {
        case "end": handOver.finish(.success(()))
        case "error": handOver.finish(.failure(Broken()))
        default: handOver.close()
        }
        switch await taker.result {
        case .success(let part): #expect(part == nil && how != "error")
        case .failure(let error): #expect(error is Broken && how == "error")
        }
    }

    @Test("once it is closed nothing is kept, and the giver hears of it")
    func close() async throws {
        let handOver = HandOver<Numbers>(limit: 100)
        handOver.give(1, size: 1)
        handOver.close()
        #expect(handOver.awaitRoom() == nil)
        handOver.give(2, size: 1)
        handOver.finish(.failure(Broken()))
        #expect(handOver.size == 0)
        #expect(try await handOver.take() == nil)
    }
}
