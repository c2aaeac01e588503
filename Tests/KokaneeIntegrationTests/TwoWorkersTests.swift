import Foundation
import TestSupport
import Testing

/// The whole way, at size.
@Suite(.alone)
struct TwoWorkersTests {
    @Test("200,000 jobs of a file are worked by two workers at once, each once, and everybody's counts agree")
    func file() async throws {
        // A broker of its own: the shared one rewrites all that it holds.
        let external = ProcessInfo.processInfo.environment["KOKANEE_TEST_BOOTSTRAP"]
        let broker = external == nil ? try await BrokerProcess() : nil
        try await Stand.with(partitions: 12, on: external ?? broker?.bootstrapServers) { stand in
            let count = 200_000
            let file = stand.scratch.file("jobs.ndjson")
            var text = ""
            for n in 0..<count {
                text += #"{"type":"t","id":"\#(n)","key":"key-\#(n % 5000)","data":{"number":\#(n)}}"# + "\n"
            }
            try Data(text.utf8).write(to: file)
            let sent = try await stand.kokanee(
                "enqueue", stand.queue, "--file", file.path, "--json", within: .seconds(120)
            )
            #expect(sent.code == 0, "\(sent)")
            #expect(try sent.object(EnqueueTests.Summary.self).sent == count)
            #expect(try await stand.oracle.count(of: stand.queue) == count)

            let workers = try (0..<2).map { _ in
                try stand.startWorker(HandlerProgram.counting, concurrency: 2, "--until-idle", "--json")
            }
            var completed: [Int] = []
            for worker in workers {
                let outcome = try await worker.outcome(within: .seconds(240))
                #expect(outcome.code == 0, "\(outcome)")
                completed.append(try outcome.object(Stand.Summary.self).completed)
            }
            #expect(completed.reduce(0, +) == count)
            #expect(completed.allSatisfy { $0 > 0 }, "\(completed)")
            var seen = [Bool](repeating: false, count: count)
            var lines = 0
            for line in try Data(contentsOf: stand.ledger.file).split(separator: UInt8(ascii: "\n")) {
                lines += 1
                if let n = Int(String(decoding: line, as: UTF8.self)), seen.indices.contains(n) { seen[n] = true }
            }
            #expect(seen.allSatisfy { $0 })
            #expect(lines == count, "jobs ran twice, though nobody crashed")
            let positions = try await stand.oracle.positions(of: stand.queue, group: stand.group)
            #expect(positions.reduce(0) { $0 + ($1.committed ?? 0) } == Int64(count))
            #expect(positions.allSatisfy { $0.lag == 0 })
            #expect(try await stand.oracle.count(of: stand.deadLetterTopic) == 0)
        }
        try await broker?.stop()
    }
}
