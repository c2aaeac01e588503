import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Plans for dead letters", .timeLimit(.minutes(1)))
struct DeadLetterPlanTests {
    @Test("a plan counts letters and open ones by type, error and partition, with their times and bytes")
    func plan() async throws {
        let yard = try await Graveyard(.embedded)
        try await yard.bury([
            .init(id: "a", error: "SQL: no such table", diedAt: 1000),
            .init(id: "b", type: "other", partition: 1, error: "Timeout: 3 s", diedAt: 2000),
            .init(id: "c", error: "Timeout: 4 s", diedAt: 3000), .init(id: "d", error: "Timeout: 5 s", diedAt: 4000),
        ])
        #expect(try await yard.letters.discard(.init(ids: ["c"])).letters == 1)
        let plan = try await yard.letters.plan(.init())
        #expect(plan.letters == 4)
        #expect(plan.open == 3)
        #expect(
            plan.types == [.init(name: "mail.send", letters: 3, open: 2), .init(name: "other", letters: 1, open: 1)]
        )
        #expect(plan.errors == [.init(name: "Timeout", letters: 3, open: 2), .init(name: "SQL", letters: 1, open: 1)])
        #expect(plan.partitions == [.init(name: "0", letters: 3, open: 2), .init(name: "1", letters: 1, open: 1)])
        #expect(plan.oldest == 1000)
        #expect(plan.newest == 4000)
        #expect((300..<3000).contains(plan.bytes), "\(plan.bytes)")
        let some = try await yard.letters.plan(.init(since: 2000, until: 4000, limit: 1))
        #expect(some.letters == 2)
        #expect(some.open == 1)
        #expect(some.oldest == 2000)
        // The limit is about those that are meant: the last two that are open.
        let last = try await yard.letters.plan(.init(limit: 2))
        #expect(last.open == 2)
        #expect(last.oldest == 2000)
        #expect(try await yard.letters.retry(.init(limit: 2)).letters == 2)
        #expect(try await yard.ids(.init(isOpenOnly: true)) == ["a"])
    }

    @Test("the plan says what the retry does", arguments: [1, 3, 7, 100])
    func asDone(limit: Int) async throws {
        let yard = try await Graveyard(.embedded)
        try await yard.bury((0..<8).map { .init(id: "job\($0)", partition: Int32($0 % 2), diedAt: Int64($0 + 1)) })
        _ = try await yard.letters.discard(.init(ids: ["job2", "job6"]))
        let filter = DeadLetterFilter(limit: limit)
        let plan = try await yard.letters.plan(filter)
        #expect(try await yard.letters.retry(filter).letters == plan.open)
    }

    @Test("a million types are a thousand groups and the rest")
    func manyGroups() {
        var table = NameTable(most: 1000)
        let numbers = (0..<5000).map { table.number(of: "type\($0)") }
        #expect(numbers.prefix(1000) == (0..<1000).map(UInt16.init)[...])
        #expect(Set(numbers.dropFirst(1000)) == [NameTable.noNumber])
        #expect(table.number(of: "type7") == 7)
        #expect(table[7] == "type7")
        #expect(table[NameTable.noNumber] == nil)
        #expect(table.names.count == 1000)
    }

    @Test("a long text is kept once, cut")
    func longTexts() {
        var table = NameTable(most: 10)
        let long = String(repeating: "x", count: 5000)
        #expect(table.number(of: long) == table.number(of: long))
        #expect(table.names.map(\.utf8.count) == [1024])
    }

    @Test("a verdict is listed with who gave it, when and why", arguments: TestCluster.Kind.allCases)
    func verdicts(kind: TestCluster.Kind) async throws {
        let yard = try await Graveyard(kind)
        try await yard.bury([.init(id: "a"), .init(id: "b"), .init(id: "c")])
        _ = try await yard.colleague("bob").retry(.init(ids: ["a"]), reason: "mended")
        _ = try await yard.letters.discard(.init(ids: ["b"]))
        let letters = try await yard.list()
        #expect(letters.map(\.verdict) == [.retried, .discarded, nil])
        #expect(letters.map(\.verdictBy) == ["bob", "ann", nil])
        #expect(letters.map(\.verdictReason) == ["mended", nil, nil])
        #expect(letters.map { ($0.verdictAt ?? 0) > 1_700_000_000_000 } == [true, true, false])
    }
}
