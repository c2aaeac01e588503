import Testing

@testable import Kokanee

@Suite("What marks tell")
struct OutcomesTests {
    private static func words(_ bits: Int...) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: OffsetSet.wordsInChunk)
        for bit in bits { words[bit >> 6] |= 1 << UInt64(bit & 63) }
        return words
    }

    @Test("what was completed is told by build and by replay, and what several have completed is each one's")
    func selection() {
        var outcomes = Outcomes()
        outcomes.addCompleted(build: "2", replay: nil, chunk: 0, Self.words(2, 3))
        outcomes.addCompleted(build: "1", replay: nil, chunk: 0, Self.words(1))
        outcomes.addCompleted(build: "2", replay: "r", chunk: 1, Self.words(0))
        outcomes.addCompleted(build: "1", replay: nil, chunk: 0, Self.words(2))
        outcomes.addFailed(chunk: 2, Self.words(5))
        #expect(outcomes.completed.map(\.build) == ["1", "2", "2"])
        #expect(outcomes.completed.map(\.replay) == [nil, nil, "r"])
        #expect(outcomes.completed() == OffsetSet([1, 2, 3, 8192]))
        #expect(outcomes.completed(by: ["1"]) == OffsetSet([1, 2]))
        #expect(outcomes.completed(excluding: ["1"]) == OffsetSet([2, 3, 8192]))
        #expect(outcomes.completed(in: .live) == OffsetSet([1, 2, 3]))
        #expect(outcomes.completed(by: ["2"], in: .replay("r")) == OffsetSet([8192]))
        #expect(outcomes.completed(in: .replay("other")).isEmpty)
        #expect(outcomes.failed == OffsetSet([2 * 8192 + 5]))
    }
}
