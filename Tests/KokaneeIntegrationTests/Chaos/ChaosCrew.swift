import Foundation
import Kokanee
import Synchronization
import TestSupport

/// The worker processes of a chaos run, dead or alive.
final class ChaosCrew: Sendable {
    private struct Member {
        let name: String
        let process: KokaneeProcess
        var history: ChaosHistory.Worker
        /// Told to end, or killed.
        var isLeaving = false
    }

    private let stand: Stand
    private let profile: ChaosProfile
    private let handler: URL
    let ledger: ChaosLedger
    private let members = Mutex<[Member]>([])

    init(_ stand: Stand, _ profile: ChaosProfile) throws {
        self.stand = stand
        self.profile = profile
        handler = stand.scratch.file("chaos-handler.py")
        ledger = ChaosLedger(file: stand.scratch.file("chaos-ledger"))
        try Data(ChaosHandler.program.utf8).write(to: handler)
    }

    /// Starts one more worker.
    func start() throws {
        try members.withLock { members in
            let name = "w\(members.count + 1)"
            let startedAt = Ledger.monotonicNow
            let process = try stand.start(
                [
                    "work", stand.queue, "--handler", "exec python3 '\(handler.path)' '\(ledger.file.path)' \(name)",
                    "--concurrency", "\(ChaosCheck.workerConcurrency)", "--ladder", ChaosJobs.ladder, "-X",
                    "session.timeout.ms=\(ChaosPlan.sessionTimeout.components.seconds * 1000)",
                ] + profile.properties.flatMap { ["-X", "\($0.key)=\($0.value)"] } + profile.workerOptions
            )
            members.append(Member(name: name, process: process, history: .init(startedAt: startedAt)))
        }
    }

    var count: Int { present.count }

    private var present: [Int] { members.withLock { Self.present($0) } }

    private static func present(_ members: [Member]) -> [Int] { members.indices.filter { !members[$0].isLeaving } }

    private func process(_ index: Int) -> KokaneeProcess { members.withLock { $0[index].process } }

    /// The worker that a plan calls number `n`.
    private func pick(_ n: Int) -> Int { present[n % count] }

    func kill(_ n: Int) throws {
        let index = pick(n)
        let process = process(index)
        members.withLock { members in
            members[index].history.killedAt = Ledger.monotonicNow
            members[index].isLeaving = true
        }
        process.signal(SIGKILL)
        try start()
    }

    func freeze(_ n: Int, for time: Duration) async throws {
        let index = pick(n)
        let process = process(index)
        let from = Ledger.monotonicNow
        process.signal(SIGSTOP)
        try await Task.sleep(for: time)
        let freeze = ChaosHistory.Worker.Freeze(from: from, thawed: Ledger.monotonicNow, knew: .max)
        members.withLock { $0[index].history.freezes.append(freeze) }
        process.signal(SIGCONT)
    }

    /// Ends a worker in good order and waits for it.
    func leave(_ n: Int) async throws { try await end(pick(n)) }

    func deploy() async throws {
        for index in present {
            try await settle()
            try await end(index)
            try start()
        }
    }

    /// Ends all that there are, at once.
    func endAll() async throws {
        try await withThrowingTaskGroup { group in
            for index in present { group.addTask { try await self.end(index) } }
            try await group.waitForAll()
        }
    }

    private func end(_ index: Int) async throws {
        members.withLock { $0[index].isLeaving = true }
        let process = process(index)
        process.signal(SIGTERM)
        let outcome = try await process.outcome(within: .seconds(60))
        guard outcome.code == 0 else { throw StandError("a worker that was told to end: \(outcome)") }
    }

    /// Waits, on brokers that want it, until every worker has partitions, and has had time to hear that it should not.
    ///
    /// Who leaves while it joins has no name yet under which to leave. A Kafka forgets it after the session timeout.
    func settle() async throws {
        guard !profile.forgetsTheDead else { return }
        let heartbeat = 4 * ChaosHistory.second
        try await eventually("every worker has partitions", within: .seconds(60)) {
            let members = self.members.withLock { members in Self.present(members).map { members[$0] } }
            return members.allSatisfy { member in
                let log = ChaosLog(member.process.error)
                guard let last = log.changes.last, last == log.assignments.last else { return false }
                return Ledger.monotonicNow - last > heartbeat
            }
        }
    }

    /// Names of workers that ended, though nobody told them to.
    var desertions: [String] {
        members.withLock { members in
            members.filter { !$0.isLeaving && !$0.process.isRunning }.map {
                "\($0.name) ended by itself; it said last: \($0.process.error.suffix(1000))"
            }
        }
    }

    // MARK: - What they said

    /// What each worker said on stderr.
    var logs: [(name: String, text: String)] { members.withLock { $0.map { ($0.name, $0.process.error) } } }

    /// Adds the workers to a history, and the jobs that they said they discarded, or could not keep a checkpoint of.
    func testify(_ history: inout ChaosHistory) {
        let members = members.withLock { $0 }
        for member in members {
            let log = ChaosLog(member.process.error)
            var worker = member.history
            worker.assignments = log.assignments
            for index in worker.freezes.indices {
                let thawed = worker.freezes[index].thawed
                worker.freezes[index].knew = log.changes.first { $0 >= thawed } ?? .max
            }
            history.workers[member.name] = worker
            history.discarded.formUnion(log.discarded)
            history.unstored.formUnion(log.unstored)
        }
    }
}

/// What a worker's log tells of its partitions.
struct ChaosLog {
    /// When it was given partitions, and when it was given, handed back or lost some.
    private(set) var assignments: [Int64] = []
    private(set) var changes: [Int64] = []
    /// Jobs that it discarded, and jobs of which the brokers did not take a checkpoint.
    private(set) var discarded: Set<String> = []
    private(set) var unstored: Set<String> = []

    /// - Parameter wallOffset: from milliseconds since the epoch to nanoseconds of the monotonic clock.
    init(_ text: String, wallOffset: Int64 = Ledger.monotonicNow - Ledger.wallNow * 1_000_000) {
        for line in text.split(separator: "\n") {
            if line.contains(" job discarded "), let id = line.firstMatch(of: /\ job="?([^" ]+)/) {
                discarded.insert(String(id.1))
            }
            if line.contains(" a checkpoint could not be stored"), let id = line.firstMatch(of: /\ job="?([^" ]+)/) {
                unstored.insert(String(id.1))
            }
            let isAssignment = line.contains(" partitions assigned ")
            guard isAssignment || line.contains(" partitions revoked ") || line.contains(" partitions lost: "),
                let end = line.firstIndex(of: " "), let time = try? Timestamp.parse(String(line[..<end]), now: 0)
            else { continue }
            let at = time * 1_000_000 + wallOffset
            changes.append(at)
            if isAssignment { assignments.append(at) }
        }
    }
}
