import Foundation
import RdKafka
import TestSupport

@testable import Kokanee

// The worker that meets the fail point.
extension FailStage {
    /// How it ended, and what its ledger said then: the handlers of a killed worker write on.
    struct FirstEnd: Sendable {
        let outcome: Outcome
        let runs: [Ledger.Run]
    }

    func startFirst(_ play: FailCase) throws -> KokaneeProcess {
        // One slot makes an order of the passages. Beside a job that does not end there has to be another one.
        let concurrency = play.course.hasLongJob ? 2 : 1
        return try start(
            work([play.queue], concurrency: concurrency, ledger: ledger(play.queue), build: "first")
                + (play.canRecover ? ["--until-idle", "--json"] : []),
            failPoints: play.plan
        )
    }

    /// A course that can't be run to its end is an end, too, of this worker only: the other cases go on.
    func failed(_ worker: KokaneeProcess, _ error: any Error) -> FirstEnd {
        worker.signal(SIGKILL)
        let outcome = Outcome(arguments: worker.arguments, code: -1, output: worker.output, error: "\(error)")
        return FirstEnd(outcome: outcome, runs: [])
    }

    /// Waits until the worker has met its fail point or is where the second one has to join; its end, if it has come.
    func bringToPoint(_ worker: KokaneeProcess, _ play: FailCase) async throws -> FirstEnd? {
        switch play.course {
        case .works: break
        case .wakesUp:
            try await untilOnlyLongJobIsLeft(worker, play)
            worker.signal(SIGSTOP)
            return nil
        case .isJoined:
            try await untilOnlyLongJobIsLeft(worker, play)
            return nil
        case .isStopped:
            try await untilOnlyLongJobIsLeft(worker, play)
            worker.signal(SIGTERM)
            try await eventually("the worker says that it is ending") { worker.error.contains("second SIGINT") }
            try Data().write(to: gate(of: play))
        }
        return try await end(of: worker, play)
    }

    /// The end of a worker that is killed only once the second one works.
    func bringToEnd(_ worker: KokaneeProcess, _ play: FailCase) async throws -> FirstEnd {
        if case .wakesUp = play.course {
            try await eventually("another worker runs the job of \(play.plan)", within: .seconds(90)) {
                try self.ledger("second").entries().contains { $0.id == "\(play.queue)/long" }
            }
            worker.signal(SIGCONT)
        }
        return try await end(of: worker, play)
    }

    private func end(of worker: KokaneeProcess, _ play: FailCase) async throws -> FirstEnd {
        let outcome = try await worker.outcome()
        return FirstEnd(outcome: outcome, runs: try ledger(play.queue).runs())
    }

    /// The long job is the log's first: that all behind it is finished stands in the commit's completion map.
    private func untilOnlyLongJobIsLeft(_ worker: KokaneeProcess, _ play: FailCase) async throws {
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: servers))
        let partitions = play.worked.map { TopicPartition(topic: $0, partition: 0) }
        try await eventually("all but the long job of \(play.plan) is committed", within: .seconds(60)) {
            try worker.requireAlive()
            let offsets = try await admin.committedOffsets(group: play.group, partitions)
            guard let main = offsets[partitions[0]] ?? nil, let rung = offsets[partitions[1]] ?? nil else {
                return false
            }
            let metadata = CommitMetadata(text: main.metadata, above: main.offset)
            let finished = 1..<Int64(1 + FailJobs.usual.count)
            return main.offset == 0 && metadata?.completed.runs == [finished] && rung.offset == 2
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
        case .isJoined, .isStopped, .wakesUp: true
        case .works: false
        }
    }
}

extension KokaneeProcess {
    /// Of a process that is to be killed later only: one that ended is told of with its last words.
    fileprivate func requireAlive() throws {
        guard isRunning else { throw StandError("kokanee \(arguments.joined(separator: " ")) has ended: \(error)") }
    }
}
