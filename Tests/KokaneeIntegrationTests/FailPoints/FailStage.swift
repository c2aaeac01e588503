import Foundation
import RdKafka
import Synchronization
import TestSupport

@testable import Kokanee

/// Plays all cases at once, on one broker: most of a case's time is a group's waiting.
///
/// In each case a first worker meets its fail point; where that killed it, a second worker without fail points does
/// the rest, the same for all cases' queues.
final class FailStage: Sendable {
    /// What became of a case.
    struct Result: Sendable {
        let play: FailCase
        let first: Outcome
        let firstRuns: [Ledger.Run]
        let secondRuns: [Ledger.Run]
        /// Before the second worker began.
        let before: FailSnapshot
        let after: FailSnapshot
    }

    /// More processes that start at a time only take each other's processor.
    private static let startsBesideOthers = 6

    private let servers: String
    private let scratch: Scratch
    private let processes = Mutex<[KokaneeProcess]>([])

    private init(servers: String, scratch: Scratch) {
        self.servers = servers
        self.scratch = scratch
    }

    /// The cases' results, in their order: of those that kill, and of those that fail a step.
    static func play(kills: [FailCase], failures: [FailCase]) async throws -> (kills: [Result], failures: [Result]) {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let all = kills + failures
        guard !Stand.isExternal else {
            let servers = try await TestCluster.shared(.server).bootstrapServers
            let stage = FailStage(servers: servers, scratch: scratch)
            for play in all {
                let arguments = ["topics", "create", play.queue, "--partitions", "1", "--ladder", "1s"]
                _ = try await stage.start(arguments).succeeded()
            }
            return try await stage.play(kills, failures)
        }
        let queues = all.flatMap { ["--queue", $0.queue] }
        let broker = try KokaneeProcess(["broker", "--partitions", "1", "--ladder", "1s"] + queues, scratch: scratch)
        defer { broker.signal(SIGKILL) }
        try await eventually("the embedded broker says where it is") { broker.output.contains("\n") }
        let servers = broker.output.prefix { $0 != "\n" }.dropFirst("bootstrap.servers=".count)
        return try await FailStage(servers: String(servers), scratch: scratch).play(kills, failures)
    }

    private func play(
        _ kills: [FailCase],
        _ failures: [FailCase]
    ) async throws -> (kills: [Result], failures: [Result]) {
        defer { for process in processes.withLock({ $0 }) { process.signal(SIGKILL) } }
        try await enqueue(kills + failures)
        let groups = (kills + failures).reduce(into: [String: String]()) { groups, play in
            for topic in play.worked + [play.deadLetters] { groups[topic] = play.group }
        }
        let firsts = try await mapped(failures + kills) { play in
            let worker = try self.startFirst(play, flags: play.canRecover ? ["--until-idle", "--json"] : [])
            if play.canRecover { return (worker, try await worker.outcome()) as (KokaneeProcess, Outcome?) }
            return (worker, try await self.bringToPoint(worker, play))
        }
        let before = try await FailSnapshot(of: groups, on: servers)
        let second = try startSecond(kills)
        var outcomes: [Outcome] = []
        for (play, first) in zip(failures + kills, firsts) {
            if let outcome = first.1 {
                outcomes.append(outcome)
            } else {
                outcomes.append(try await bringToEnd(first.0, play))
            }
        }
        _ = try await second.succeeded()
        let after = try await FailSnapshot(of: groups, on: servers)
        let secondRuns = try ledger("second").runs()
        let results = try zip(failures + kills, outcomes).map { play, outcome in
            Result(
                play: play,
                first: outcome,
                firstRuns: try ledger(play.queue).runs(),
                secondRuns: secondRuns.filter { $0.start.id.hasPrefix("\(play.queue)/") },
                before: before,
                after: after
            )
        }
        return (Array(results.dropFirst(failures.count)), Array(results.prefix(failures.count)))
    }

    // MARK: - The first worker

    private func startFirst(_ play: FailCase, flags: [String]) throws -> KokaneeProcess {
        // One slot makes an order of the passages. Beside a job that does not end there has to be another one.
        let concurrency = play.course.hasLongJob ? 2 : 1
        return try start(
            work([play.queue], concurrency: concurrency, ledger: ledger(play.queue)) + flags,
            failPoints: play.plan
        )
    }

    /// Waits until the worker has met its fail point or is where the second one has to join; its end, if it has come.
    private func bringToPoint(_ worker: KokaneeProcess, _ play: FailCase) async throws -> Outcome? {
        switch play.course {
        case .works:
            return try await worker.outcome()
        case .wakesUp:
            try await eventually("the worker of \(play.plan) stops itself", within: .seconds(60)) {
                try worker.requireAlive()
                return worker.state == "T"
            }
            return nil
        case .isJoined:
            try await untilOnlyLongJobIsLeft(worker, play)
            return nil
        case .isStopped:
            try await untilOnlyLongJobIsLeft(worker, play)
            worker.signal(SIGTERM)
            try await eventually("the worker says that it is ending") { worker.error.contains("second SIGINT") }
            try release(play)
            return try await worker.outcome()
        }
    }

    private func untilOnlyLongJobIsLeft(_ worker: KokaneeProcess, _ play: FailCase) async throws {
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: servers))
        let (main, rung) = (
            TopicPartition(topic: play.queue, partition: 0), TopicPartition(topic: play.rung, partition: 0)
        )
        try await eventually("all but the long job of \(play.plan) is committed", within: .seconds(60)) {
            try worker.requireAlive()
            let offsets = try await admin.committedOffsets(group: play.group, [main, rung])
            return offsets[main]??.offset == Int64(FailJobs.usual.count) && offsets[rung]??.offset == 2
        }
    }

    /// The end of a worker that is killed only once the second one works.
    private func bringToEnd(_ worker: KokaneeProcess, _ play: FailCase) async throws -> Outcome {
        if case .wakesUp = play.course {
            try await eventually("another worker has done the work of \(play.plan)", within: .seconds(90)) {
                try self.ledger("second").entries().contains {
                    $0.id == "\(play.queue)/completes-3" && $0.event == .end
                }
            }
            worker.signal(SIGCONT)
        }
        let outcome = try await worker.outcome(within: .seconds(60))
        if play.course.hasLongJob { try release(play) }
        return outcome
    }

    private func release(_ play: FailCase) throws {
        try Data().write(to: gate(of: play))
    }

    private func gate(of play: FailCase) -> URL { scratch.file("\(play.queue).gate") }

    // MARK: - The second worker

    private func startSecond(_ plays: [FailCase]) throws -> KokaneeProcess {
        // Enough for all jobs that wait for the first workers' ends, and others beside them.
        try start(
            work(plays.map(\.queue), concurrency: 8, ledger: ledger("second")) + ["--until-idle", "--json"]
        )
    }

    // MARK: - Processes

    private func ledger(_ name: String) -> Ledger { Ledger(file: scratch.file("\(name).ledger")) }

    private func work(_ queues: [String], concurrency: Int, ledger: Ledger) throws -> [String] {
        let program = scratch.file("handler-\(UUID().uuidString).py")
        try Data(HandlerProgram.obedient.utf8).write(to: program)
        return ["work"] + queues + [
            "--handler", "exec python3 '\(program.path)' '\(ledger.file.path)'", "--concurrency", "\(concurrency)",
            "-X", "session.timeout.ms=6000",
        ]
    }

    private func start(_ arguments: [String], failPoints: String? = nil) throws -> KokaneeProcess {
        var environment = ["KOKANEE_BOOTSTRAP_SERVER": servers]
        environment[FailPoints.environmentVariable] = failPoints
        let process = try KokaneeProcess(arguments, scratch: scratch, environment: environment)
        processes.withLock { $0.append(process) }
        return process
    }

    private func enqueue(_ plays: [FailCase]) async throws {
        let producer = try Producer(ClientConfiguration(bootstrapServers: servers))
        let records = plays.flatMap { play in
            (FailJobs.usual + (play.course.hasLongJob ? [FailJobs.long(until: gate(of: play).path)] : [])).map { job in
                var headers = [
                    Header("ce_specversion", Bytes("1.0")),
                    Header("ce_id", Bytes("\(play.queue)/\(job.name)")),
                    Header("ce_type", Bytes("t")), Header("ce_source", Bytes("/test")),
                    Header("content-type", Bytes("application/json")),
                ]
                if let time = job.expiresAt {
                    headers.append(Header("kokanee-expires-at", Bytes("\(time)")))
                }
                return ProducerRecord(topic: play.queue, partition: 0, value: Bytes(job.data), headers: headers)
            }
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }

    /// As `map`, a few elements at a time.
    private func mapped<T: Sendable, R: Sendable>(
        _ elements: [T],
        _ body: @escaping @Sendable (T) async throws -> R
    ) async throws -> [R] {
        try await withThrowingTaskGroup(of: (Int, R).self) { group in
            var results = [R?](repeating: nil, count: elements.count)
            for (index, element) in elements.enumerated() {
                if index >= Self.startsBesideOthers, let (done, result) = try await group.next() {
                    results[done] = result
                }
                group.addTask { (index, try await body(element)) }
            }
            while let (done, result) = try await group.next() { results[done] = result }
            return results.compactMap(\.self)
        }
    }
}

extension FailCase {
    /// Whether the worker lives through it.
    fileprivate var canRecover: Bool { !plan.contains("=kill") }
}

extension FailCase.Course {
    var hasLongJob: Bool {
        switch self {
        case .isJoined, .isStopped: true
        case .works, .wakesUp: false
        }
    }
}

extension KokaneeProcess {
    fileprivate func succeeded() async throws -> Outcome {
        let outcome = try await outcome(within: .seconds(120))
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return outcome
    }

    /// Of a process that is to be killed later only: one that ended is told of with its last words.
    fileprivate func requireAlive() throws {
        guard isRunning else { throw StandError("kokanee \(arguments.joined(separator: " ")) has ended: \(error)") }
    }

    /// The kernel's letter for what it does: `T` is stopped.
    fileprivate var state: Substring? {
        // The letter stands behind the command's name, which is in parentheses and may hold anything.
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
        return status.split(separator: ")").last?.split(separator: " ").first
    }
}
