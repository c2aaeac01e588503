import TestSupport
import Testing

@testable import Kokanee

@Suite("How many jobs a worker gives to its handler")
struct ProcessDemandTests {
    @Test("no more jobs run at once than the handler can use now, and more as soon as it can use more")
    func demand() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(20, key: { _ in "k" })
        let ledger = Ledger()
        let gate = Gate()
        let demand = HandlerDemand(2)
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.order = .unordered
            $0.concurrency = 8
            $0.demand = demand
        }
        let worker = try fixture.worker(configure) { job, _ in
            try await ledger.run(job) { try await gate.pass() }
        }
        try await running(worker) {
            try await eventually("two run") { ledger.starts.count == 2 }
            demand.current = 5
            try await eventually("five run") { ledger.starts.count == 5 }
            demand.current = 1
            gate.open()
            try await eventually("all have run") { ledger.ends.count == 20 }
        }
        #expect(ledger.mostBeside("") == 5)
    }
}
