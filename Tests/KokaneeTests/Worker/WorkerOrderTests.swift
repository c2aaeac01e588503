import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("A worker's order and bounds")
struct WorkerOrderTests {
    @Test("a key's jobs run one at a time and in the log's order, beside other keys' jobs")
    func key() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue(60, key: { "k\($0 % 3)" }, partition: { $0 % 3 % 2 })
        let ledger = Ledger()
        let worker = try fixture.worker(set(\.concurrency, 8)) { job, _ in
            try await ledger.run(job, as: "k\(job % 3)") { try await Task.sleep(for: .milliseconds(2)) }
        }
        try await running(worker) {
            try await eventually("all have run") { ledger.ends.count == 60 }
        }
        #expect(ledger.mostBesideOfAny == 1)
        for key in 0..<3 { #expect(ledger.starts.filter { $0 % 3 == key } == (0..<60).filter { $0 % 3 == key }) }
    }

    @Test("in partition order a partition's jobs run one at a time, whatever their keys")
    func partition() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue(40, key: { "k\($0)" }, partition: { $0 % 2 })
        let ledger = Ledger()
        let worker = try fixture.worker(set(\.order, .partition)) { job, _ in
            try await ledger.run(job, as: "p\(job % 2)") { try await Task.sleep(for: .milliseconds(2)) }
        }
        try await running(worker) {
            try await eventually("all have run") { ledger.ends.count == 40 }
        }
        #expect(ledger.mostBesideOfAny == 1)
        for part in 0..<2 { #expect(ledger.starts.filter { $0 % 2 == part } == (0..<40).filter { $0 % 2 == part }) }
    }

    @Test("without order jobs of one key run beside each other, and never more than the concurrency")
    func unordered() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(20, key: { _ in "k" })
        let ledger = Ledger()
        let gate = Gate()
        let unordered: (inout WorkerConfiguration) -> Void = {
            $0.order = .unordered
            $0.concurrency = 3
        }
        let worker = try fixture.worker(unordered) { job, _ in
            try await ledger.run(job) { try await gate.pass() }
        }
        try await running(worker) {
            try await eventually("three run at one time") { ledger.starts.count == 3 }
            gate.open()
            try await eventually("all have run") { ledger.ends.count == 20 }
        }
        #expect(ledger.mostBeside("") == 3)
    }

    @Test("what is read and not finished keeps to the bounds, and a stuck partition stops no other")
    func bounds() async throws {
        let fixture = try WorkerFixture(partitions: 2)
        try await fixture.enqueue(400, partition: { $0 % 2 })
        let ledger = Ledger()
        let gate = Gate()
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.maximumInFlight = 40
            $0.maximumGap = 30
            $0.concurrency = 4
        }
        let worker = try fixture.worker(configure) { job, _ in
            try await ledger.run(job) { if job == 0 { try await gate.pass() } }
        }
        try await running(worker) {
            try await eventually("the other partition is finished") { ledger.ends.filter { $0 % 2 == 1 }.count == 200 }
            try await eventually("the stuck one has got as far as it may") {
                try await fixture.committed(1)?.offset == 200 && worker.inFlight == 1
            }
            // Partition 0 holds the even jobs: 30 offsets from its first, which is stuck.
            #expect(ledger.ends.filter { $0 % 2 == 0 }.count == 29)
            gate.open()
            try await eventually("all have run") { ledger.ends.count == 400 }
        }
        #expect(worker.inFlight == 0)
    }
}
