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
        /// What is marked in the end; of the first worker only what it wrote before its end.
        let outcomes: Outcomes
    }

    /// More processes that start at a time only take each other's processor.
    private static let startsBesideOthers = 6

    let servers: String
    private let scratch: Scratch
    private let processes = Mutex<[KokaneeProcess]>([])

    private init(servers: String, scratch: Scratch) {
        self.servers = servers
        self.scratch = scratch
    }

    /// What became of all cases.
    struct Results: Sendable {
        var kills: [Result] = []
        var failures: [Result] = []
        let second: Outcome
    }

    /// Plays cases that kill, and cases that fail a step.
    static func play(kills: [FailCase], failures: [FailCase]) async throws -> Results {
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

    private func play(_ kills: [FailCase], _ failures: [FailCase]) async throws -> Results {
        defer { for process in processes.withLock({ $0 }) { process.signal(SIGKILL) } }
        let all = failures + kills
        try await enqueue(all)
        let groups = all.reduce(into: [String: String]()) { groups, play in
            for topic in play.worked + [play.deadLetters] { groups[topic] = play.group }
        }
        let firsts = try await mapped(all) { play in
            let worker = try self.startFirst(play)
            do {
                return (worker: worker, end: try await self.bringToPoint(worker, play))
            } catch {
                return (worker: worker, end: self.failed(worker, error))
            }
        }
        let before = try await FailSnapshot(of: groups, on: servers)
        // Enough slots for all jobs that wait for the first workers' ends, and others beside them.
        let second = try start(
            work(kills.map(\.queue), concurrency: 8, ledger: ledger("second"), build: "second") + [
                "--until-idle", "--json",
            ]
        )
        var ends: [FirstEnd] = []
        for (play, first) in zip(all, firsts) {
            do {
                if let end = first.end {
                    ends.append(end)
                } else {
                    ends.append(try await bringToEnd(first.worker, play))
                }
            } catch {
                ends.append(failed(first.worker, error))
            }
            // The second worker runs the same job.
            try Data().write(to: gate(of: play))
        }
        let outcome = try await second.outcome(within: .seconds(120))
        let after = try await FailSnapshot(of: groups, on: servers)
        let secondRuns = try ledger("second").runs()
        let reader = try OutcomeReader(ClientConfiguration(bootstrapServers: servers))
        let outcomes = try await mapped(all) { play in
            try await reader.read(queue: Queue(play.queue))[0] ?? Outcomes()
        }
        let results = zip(zip(all, ends), outcomes).map { course, outcomes in
            let (play, end) = course
            return Result(
                play: play,
                first: end.outcome,
                firstRuns: end.runs,
                secondRuns: secondRuns.filter { $0.start.id.hasPrefix("\(play.queue)/") },
                before: before,
                after: after,
                outcomes: outcomes
            )
        }
        return Results(
            kills: Array(results.dropFirst(failures.count)),
            failures: Array(results.prefix(failures.count)),
            second: outcome
        )
    }

    // MARK: - Processes

    func ledger(_ name: String) -> Ledger { Ledger(file: scratch.file("\(name).ledger")) }

    /// The file for whose existence a case's long job waits.
    func gate(of play: FailCase) -> URL { scratch.file("\(play.queue).gate") }

    func work(_ queues: [String], concurrency: Int, ledger: Ledger, build: String) throws -> [String] {
        let program = scratch.file("handler-\(UUID().uuidString).py")
        try Data(HandlerProgram.obedient.utf8).write(to: program)
        return ["work"] + queues + [
            "--handler", "exec python3 '\(program.path)' '\(ledger.file.path)'", "--concurrency", "\(concurrency)",
            "-X", "session.timeout.ms=6000", "--build", build,
        ]
    }

    func start(_ arguments: [String], failPoints: String? = nil) throws -> KokaneeProcess {
        var environment = ["KOKANEE_BOOTSTRAP_SERVER": servers]
        environment[FailPoints.environmentVariable] = failPoints
        let process = try KokaneeProcess(arguments, scratch: scratch, environment: environment)
        processes.withLock { $0.append(process) }
        return process
    }

    private func enqueue(_ plays: [FailCase]) async throws {
        let producer = try Producer(ClientConfiguration(bootstrapServers: servers))
        let records = plays.flatMap { play in
            ((play.course.hasLongJob ? [FailJobs.long(until: gate(of: play).path)] : []) + FailJobs.usual).map { job in
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

extension KokaneeProcess {
    fileprivate func succeeded() async throws -> Outcome {
        let outcome = try await outcome(within: .seconds(120))
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return outcome
    }
}
