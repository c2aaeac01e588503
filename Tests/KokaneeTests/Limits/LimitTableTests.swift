import Testing

@testable import Kokanee

@Suite("Tables of limits")
struct LimitTableTests {
    @Test("a table is read back as it was written")
    func roundTrip() throws {
        var overtaken = JobLimit(type: "a\"b", grouping: .key, concurrency: 0)
        overtaken.allowsOvertaking = true
        let table = try LimitTable([
            JobLimit(type: "mail", rate: Rate(text: "30/m"), burst: 7), overtaken,
            JobLimit(grouping: .prefix(":"), concurrency: 4, rate: Rate(text: "0.5/s")),
        ])
        #expect(try LimitTable(json: table.json()) == table)
        #expect(try LimitTable(json: LimitTable().json()) == LimitTable())
        let text = String(decoding: try LimitTable([JobLimit(type: "x", concurrency: 2)]).json(), as: UTF8.self)
        #expect(text == #"{"limits":[{"concurrency":2,"type":"x"}]}"#)
    }

    @Test(
        "what can't be a limit is refused",
        arguments: [
            #"{"limits":[{}]}"#, #"{"limits":[{"type":"a"}]}"#, #"{"limits":[{"concurrency":-1}]}"#,
            #"{"limits":[{"concurrency":100001}]}"#, #"{"limits":[{"rate":"0/s"}]}"#, #"{"limits":[{"burst":3}]}"#,
            #"{"limits":[{"rate":"1/s","burst":0}]}"#, #"{"limits":[{"concurrency":1,"keyGroup":""}]}"#,
            #"{"limits":[{"concurrency":1},{"concurrency":2}]}"#, #"{"limits":[{"concurrency":1,"type":""}]}"#,
            #"{"limits":7}"#, "", "[]",
        ]
    )
    func refused(text: String) {
        #expect(throws: (any Error).self) { try LimitTable(json: Array(text.utf8)) }
    }

    @Test("a limit takes the place of the one of its type and grouping, and of no other")
    func set() throws {
        var table = try LimitTable([
            JobLimit(type: "a", concurrency: 1), JobLimit(type: "a", grouping: .key, concurrency: 2),
        ])
        try table.set(JobLimit(type: "a", concurrency: 5))
        try table.set(JobLimit(concurrency: 9))
        #expect(table.limits.map(\.concurrency) == [5, 2, 9])
        let removed = table.remove { $0.type == "a" && $0.grouping == .none }
        #expect(removed == 1)
        #expect(table.limits.map(\.concurrency) == [2, 9])
    }

    @Test("a key's group ends at the first separator; a key without one is a group of its own")
    func groups() {
        func length(_ key: String, _ separator: String) -> Int {
            Array(key.utf8).withUnsafeBytes { key in
                Array(separator.utf8).withUnsafeBytes { KeyGroup.length(of: key, upTo: $0) }
            }
        }
        #expect(length("acme:42", ":") == 4)
        #expect(length("acme:42:7", ":") == 4)
        #expect(length("acme", ":") == 4)
        #expect(length(":x", ":") == 0)
        #expect(length("", ":") == 0)
        #expect(length("a--b", "--") == 1)
        #expect(length("a-", "--") == 2)
    }
}
