internal import RdKafka

/// Fires a queue's schedules while its worker owns partition 0 of the main topic.
///
/// Who thinks to be in charge need not be: a process that stood still finds out last. Therefore a tick's job and the
/// record that it was fired are one transaction under an id that all workers of the queue share. A keeper first takes the
/// id over, which ends what its predecessor had begun and lets nothing more of it pass; then it reads what was fired; and
/// what it decides rests on that. Whatever dies or wakes up between two lines of this, each tick is fired once.
///
/// The times are the brokers', see ``WorkerClock``.
final class ScheduleKeeper: Sendable {
    /// Between two looks at what has changed.
    private static let lookInterval = Duration.milliseconds(200)
    private static let pauseAfterFailure = Duration.seconds(1)
    /// Until a schedule of this worker's is written down again that could not be.
    private static let pauseAfterRefusal = Duration.seconds(10)
    /// When somebody else has taken over, though this worker owns the partition: it does not know better yet, or another
    /// group works the same queue. Ticks of so long ago are not missed.
    private static let pauseAfterLoss = Duration.seconds(10)

    private let runtime: QueueRuntime
    private let engine: Engine
    private let isStopping: @Sendable () -> Bool
    private let client: ClientConfiguration
    private let ownSchedules: [Schedule]
    private let name: String
    private let logger: Logger

    private var board: ScheduleBoard { runtime.schedules }
    private var queue: Queue { runtime.queue }

    init(
        _ runtime: QueueRuntime,
        _ engine: Engine,
        _ control: WorkerControl,
        schedules: [Schedule],
        client: ClientConfiguration,
        logger: Logger
    ) {
        self.runtime = runtime
        self.engine = engine
        self.client = client
        self.logger = logger
        isStopping = { control.isStopping }
        ownSchedules = schedules
        name = control.name
    }

    /// Fires until the task is cancelled or the worker stops.
    func run() async {
        var session: ScheduleSession?
        var refused: [String: ScheduleRecord] = [:]
        var failure: String?
        /// When this worker's own schedules are to be written down; nil where they have been.
        var ownAreDue: ContinuousClock.Instant? = .now
        /// Whether another worker has been in charge since the session began: then that has fenced it, and rests now.
        var wasRelieved = false
        defer { session?.end() }
        while !Task.isCancelled, !isStopping() {
            var rest = Self.lookInterval
            do {
                if !board.isInCharge {
                    wasRelieved = wasRelieved || session != nil
                } else if engine.knowsTime {
                    rest = min(rest, try await turn(&session, &refused))
                    failure = nil
                    // It has written.
                    if rest == .zero { wasRelieved = false }
                    if let due = ownAreDue, due <= .now {
                        ownAreDue = await writeOwn() ? nil : .now + Self.pauseAfterRefusal
                    }
                }
            } catch {
                session?.end()
                session = nil
                let isFenced = (error as? KafkaError)?.isFenced == true
                if failure != "\(error)", !(isFenced && wasRelieved) { log(error) }
                failure = "\(error)"
                rest = !isFenced ? Self.pauseAfterFailure : wasRelieved ? .zero : Self.pauseAfterLoss
                wasRelieved = false
            }
            try? await Task.sleep(for: rest)
        }
    }

    /// Does what is to be done now; how long there is nothing more to do.
    ///
    /// - Parameter refused: schedules whose jobs the topic does not take, until they are changed.
    private func turn(
        _ session: inout ScheduleSession?,
        _ refused: inout [String: ScheduleRecord]
    ) async throws -> Duration {
        let records = board.records
        // A queue without schedules takes no transactional id.
        guard session != nil || !records.isEmpty else { return Self.lookInterval }
        let current: ScheduleSession
        if let session {
            current = session
        } else {
            current = try await ScheduleSession(queue, client)
            session = current
            logger.log(
                .info,
                "this worker fires the queue's schedules",
                ["queue": queue.name, "schedules": "\(records.count)"]
            )
        }
        let now = engine.clock.wall()
        refused = refused.filter { records[$0.key] == $0.value }
        let names = board.names(and: current.known)
        let rest = records.filter { refused[$0.key] == nil }
        let turn = ScheduleTurn(queue, rest, kept: names, current.book, now: now)
        if !turn.output.isEmpty {
            do {
                try await write(turn, current)
            } catch let error as KafkaError where error.isTooLarge && !error.isFatal {
                let all = turn.plans.map(\.record)
                for record in all where try await !isTaken(record, names, current, now) {
                    refused[record.schedule.name] = record
                }
            }
            return .zero
        }
        return turn.wakeAt.map { .milliseconds(max(1, $0 - now)) } ?? Self.lookInterval
    }

    /// Fires one schedule by itself, so that one that is too large does not hold up the others.
    private func isTaken(
        _ record: ScheduleRecord,
        _ names: Set<String>,
        _ session: ScheduleSession,
        _ now: Int64
    ) async throws -> Bool {
        let name = record.schedule.name
        do {
            try await write(ScheduleTurn(queue, [name: record], kept: names, session.book, now: now), session)
            return true
        } catch let error as KafkaError where error.isTooLarge && !error.isFatal {
            logger.log(
                .error,
                "a schedule's job is too large for its topic, and is not fired; write it anew, with less data",
                ["queue": queue.name, "schedule": name, "error": "\(error)"]
            )
            return false
        }
    }

    private func write(_ turn: ScheduleTurn, _ session: ScheduleSession) async throws {
        try await session.write(turn)
        for (record, plan) in turn.plans { log(record, plan) }
    }

    /// Writes down the schedules that the worker was configured with, where nobody has by hand. One that can't be written holds
    /// up no other, nor those that are known.
    ///
    /// - Returns: whether all are written.
    private func writeOwn() async -> Bool {
        guard !ownSchedules.isEmpty else { return true }
        let known = board.records
        var areWritten = true
        for schedule in ownSchedules {
            let old = known[schedule.name]
            if let old, old.source == .hand {
                guard !old.schedule.changes(to: schedule).isEmpty else { continue }
                logger.log(
                    .warning,
                    "a schedule of this worker's is overridden by hand; `kokanee cron remove` ends that",
                    ["queue": queue.name, "schedule": schedule.name, "by": old.by]
                )
                continue
            }
            do {
                _ = try await ScheduleDesk(client).put(schedule, queue: queue.name, source: .code, by: name)
            } catch {
                areWritten = false
                logger.log(
                    .error,
                    "a schedule of this worker's could not be written down; it is tried again",
                    ["queue": queue.name, "schedule": schedule.name, "error": "\(error)"]
                )
                // The others would wait as long, and what is known is to be fired meanwhile.
                if (error as? KafkaError)?.isRetriable == true { break }
            }
        }
        return areWritten
    }

    private func log(_ record: ScheduleRecord, _ plan: SchedulePlan) {
        let schedule = record.schedule
        guard let last = plan.ticks.last else {
            return logger.log(
                .info,
                "a tick is passed over: the job before it has not come to its end",
                ["queue": queue.name, "schedule": schedule.name, "job": plan.state?.firing?.job ?? ""]
            )
        }
        logger.log(
            .info,
            "a schedule has fired",
            [
                "queue": queue.name, "schedule": schedule.name, "job": schedule.jobID(ofTick: last),
                "jobs": "\(plan.ticks.count)",
            ]
        )
    }

    private func log(_ error: any Error) {
        if let error = error as? KafkaError, error.isFenced {
            return logger.log(
                .info,
                "another worker fires the queue's schedules now",
                ["queue": queue.name, "id": ScheduleSession.transactionalID(of: queue)]
            )
        }
        logger.log(
            .warning,
            "the queue's schedules can't be fired; it is tried again, and nothing is fired twice",
            ["queue": queue.name, "error": "\(error)"]
        )
    }
}
