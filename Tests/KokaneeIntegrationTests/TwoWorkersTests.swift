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
            let count = Sanitizer.isOn ? 20_000 : 200_000
            let file = stand.scratch.file("jobs.ndjson")
            var text = ""
            for n in 0..<count {
                text += #"{"type":"t","id":"\#(n)","key":"key-\#(n % 5000)","data":{"number":\#(n)}}"# + "\n"
            }
            try Data(text.utf8).write(to: file)
            let ledgers = (0..<2).map { Ledger(file: stand.scratch.file("ledger-\($0)")) }
            // Long enough for a starved machine: a member that was taken for dead would run jobs twice.
            let workers = try ledgers.map { ledger in
                let session = "session.timeout.ms=45000"
                return try stand.startWorker(HandlerProgram.counting, ledger: ledger, concurrency: 2, "-X", session)
            }
            try await eventually("both workers have partitions", within: .seconds(30)) {
                let status = try await StatusTests.status(of: stand)
                return status.workers == 2 && Set(status.partitions.map(\.owner)).count == 2
            }
            let sent = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--file",
                file.path,
                "--json",
                within: .seconds(120)
            )
            #expect(sent.code == 0, "\(sent)")
            #expect(try sent.object(EnqueueTests.Summary.self).sent == count)
            #expect(try await stand.oracle.count(of: stand.queue) == count)
            try await eventually("nothing waits", within: .seconds(240)) {
                try await StatusTests.status(of: stand).waiting == 0
            }
            var seen = [Bool](repeating: false, count: count)
            for ledger in ledgers {
                let lines = try Data(contentsOf: ledger.file).split(separator: UInt8(ascii: "\n"))
                #expect(lines.count > count / 10, "one worker did nearly all")
                for line in lines {
                    if let n = Int(String(decoding: line, as: UTF8.self)), seen.indices.contains(n) { seen[n] = true }
                }
            }
            #expect(seen.allSatisfy { $0 })
            #expect(ledgers.reduce(0) { $0 + $1.count } == count, "jobs ran twice, though nobody crashed")
            let status = try await StatusTests.status(of: stand)
            #expect(status.waiting == 0)
            #expect(status.dead == 0)
            #expect(status.retrying == ["1s": 0])
            #expect(status.workers == 2)
            #expect(Set(status.partitions.map(\.owner)).count == 2)
            for worker in workers {
                worker.signal(SIGTERM)
                let outcome = try await worker.outcome(within: .seconds(60))
                #expect(outcome.code == 0, "\(outcome)")
            }
            let positions = try await stand.oracle.positions(of: stand.queue, group: stand.group)
            #expect(positions.reduce(0) { $0 + ($1.committed ?? 0) } == Int64(count))
            #expect(positions.map(\.committed) == status.partitions.map(\.committed))
            try await StatusTests.expectAgreement(stand)
            #expect(try await stand.oracle.count(of: stand.deadLetterTopic) == 0)
        }
        try await broker?.stop()
    }
}
