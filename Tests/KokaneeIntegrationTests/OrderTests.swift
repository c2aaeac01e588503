import TestSupport
import Testing

/// What runs beside what.
@Suite(.besideOthers)
struct OrderTests {
    @Test("by default one key's jobs run one at a time in the log's order, and keys run beside each other")
    func key() async throws {
        try await Stand.with(partitions: 2) { stand in
            try await stand.enqueue(
                (0..<48).map { n in
                    #"{"type":"t","id":"\#(n)","key":"key-\#(n % 8)","data":{"do":"sleep","seconds":0.02}}"#
                }
            )
            try await stand.workUntilIdle()
            let runs = try stand.ledger.runs()
            #expect(runs.count == 48)
            #expect(runs.overlaps { $0.start.key } == [])
            for (key, runs) in Dictionary(grouping: runs, by: { $0.start.key ?? "" }) {
                let order = runs.ids.compactMap(Int.init)
                #expect(order == order.sorted(), "\(key)")
            }
            #expect(!runs.overlaps { _ in "any" }.isEmpty, "nothing ran beside anything")
        }
    }

    @Test("--order partition runs a partition's jobs one at a time in the log's order")
    func partition() async throws {
        try await Stand.with(partitions: 1) { stand in
            try await stand.enqueue(
                (0..<40).map { #"{"type":"t","id":"\#($0)","key":"\#($0)","data":{"do":"sleep","seconds":0.01}}"# }
            )
            try await stand.workUntilIdle(flags: ["--order", "partition"])
            let runs = try stand.ledger.runs()
            #expect(runs.ids == (0..<40).map(String.init))
            #expect(runs.overlaps { _ in "any" } == [])
        }
    }

    @Test("--order unordered runs jobs of one key beside each other, each once")
    func unordered() async throws {
        try await Stand.with(partitions: 1) { stand in
            try await stand.enqueue(
                (0..<16).map { #"{"type":"t","id":"\#($0)","key":"same","data":{"do":"sleep","seconds":0.2}}"# }
            )
            try await stand.workUntilIdle(concurrency: 4, flags: ["--order", "unordered"])
            let runs = try stand.ledger.runs()
            #expect(runs.ids.compactMap(Int.init).sorted() == Array(0..<16))
            #expect(!runs.overlaps { $0.start.key }.isEmpty)
        }
    }

    @Test("no more jobs run at once than --concurrency says", arguments: ["key", "unordered"])
    func concurrency(order: String) async throws {
        try await Stand.with { stand in
            try await stand.enqueue(
                (0..<24).map { #"{"type":"t","id":"\#($0)","key":"\#($0)","data":{"do":"sleep","seconds":0.05}}"# }
            )
            try await stand.workUntilIdle(concurrency: 3, flags: ["--order", order])
            var running = 0
            var most = 0
            for entry in try stand.ledger.entries() {
                running += entry.event == .start ? 1 : -1
                most = max(most, running)
            }
            #expect(most == 3)
            #expect(running == 0)
        }
    }
}
