import RdKafka

@testable import Kokanee

/// A worker's `ScheduleKeeper` with its `ScheduleSession`: the real ``ScheduleTurn`` and ``ScheduleBook``, in a model of what
/// they do with transactions.
///
/// Each call of ``turn(_:)`` is a step of it at most, so that it can stand still, and die, between any two.
final class ModelKeeper {
    enum Step {
        /// It has no session.
        case out
        case takingOver
        /// It reads the state up to where it ended when it asked.
        case reading(upTo: Int)
        case inCharge
        case decided(ModelDecision)
        case producing(ModelDecision)
        case produced(ModelDecision)
        case committing(ModelDecision)
        /// After a failure; it is sent once more, unless it was too often.
        case aborting(ModelDecision)
    }

    /// What it has sent.
    struct Request {
        enum What {
            case takeOver
            case produce(ProducerRecord, ModelDecision)
            case end(commits: Bool)
        }

        let what: What
        let epoch: Int
        let arrivesAt: Int64
        let answersAt: Int64
        /// The broker refuses it, or nobody hears the answer.
        let isRefused: Bool
        let isUnanswered: Bool
        var answer: ModelCoordinator.Answer?
    }

    private static let lookInterval: Int64 = 200
    private static let pauseAfterFailure: Int64 = 1000
    private static let pauseAfterLoss: Int64 = 10_000
    private static let sends = 3
    /// Until what is not answered is sent again.
    private static let patience: Int64 = 2000

    private(set) var step = Step.out
    private var epoch = 0
    private var book = ScheduleBook()
    /// Where it goes on to read the state.
    private var position = 0
    /// Until then no broker answers the follower.
    private var followsAt: Int64 = 0
    private var restsUntil: Int64 = 0
    private var sent = 0
    private var requests: [Request] = []

    private unowned let simulation: Simulation
    private let number: Int
    private var dice: Dice { simulation.scheduleDice }
    private var now: Int64 { simulation.now }

    init(_ worker: ModelWorker) {
        (simulation, number) = (worker.simulation, worker.number)
    }

    /// Whether something of it is under way.
    var isBusy: Bool {
        switch step {
        case .out, .inCharge: false
        default: true
        }
    }

    // MARK: - Steps

    func turn(_ worker: ModelWorker) throws {
        follow()
        try settle()
        guard now >= restsUntil else { return }
        switch step {
        case .out:
            guard mayBegin(worker) else { return }
            step = .takingOver
            send(.takeOver)
        case .takingOver, .producing, .committing, .aborting: return
        case .reading(let end):
            guard position >= end else { return }
            simulation.tally.note(.keepers)
            simulation.note("worker \(number) is in charge of the schedules, epoch \(epoch), read up to \(position)")
            step = .inCharge
        case .inCharge:
            guard mayBegin(worker), let time = worker.clusterTime else { return }
            decide(time)
        case .decided(let decision):
            produce(decision)
        case .produced(let decision):
            step = .committing(decision)
            send(.end(commits: true))
        }
    }

    private func mayBegin(_ worker: ModelWorker) -> Bool {
        !worker.isStopping && worker.clusterTime != nil
            && worker.intakes.contains { $0.topic == 0 && $0.partition == 0 }
    }

    /// As `ScheduleKeeper.turn`.
    private func decide(_ time: Int64) {
        let known = simulation.schedules.filter { $0.value.since <= now }
        let turn = ScheduleTurn(
            ModelSchedule.queue,
            known.mapValues(\.record),
            kept: Set(known.keys),
            book,
            now: time
        )
        guard !turn.output.isEmpty else {
            restsUntil = now + min(Self.lookInterval, turn.wakeAt.map { max(1, $0 - time) } ?? Self.lookInterval)
            return
        }
        let decision = ModelDecision(turn: turn, now: time, known: position, schedules: Set(known.keys))
        step = .decided(decision)
        sent = 0
        // Mostly it is sent at once.
        if dice.chance(80) { produce(decision) }
    }

    private func produce(_ decision: ModelDecision) {
        sent += 1
        step = .producing(decision)
        for record in decision.turn.output { send(.produce(record, decision)) }
    }

    private func end(pause: Int64) {
        step = .out
        requests.removeAll { $0.answer != nil }
        book = ScheduleBook()
        restsUntil = now + pause
    }

    /// What of the state is new, as its follower's thread tells it.
    private func follow() {
        switch step {
        case .out, .takingOver: return
        default: break
        }
        guard now >= followsAt, dice.chance(70) else { return }
        if dice.chance(3) { followsAt = now + dice.time(in: 0...10_000) }
        let log = simulation.stateLogs[0]
        let end = min(log.readable, position + dice.number(in: 1...20))
        guard position < end else { return }
        for record in log.records[position..<end] {
            if case .schedule(let value) = record.value { book.take(key: record.key, value: value) }
        }
        position = end
    }

    // MARK: - Requests

    private func send(_ what: Request.What) {
        let profile = simulation.profile
        let isLate = dice.chance(10)
        // One after another, also where an answer is late.
        let earliest = max(now, requests.last?.arrivesAt ?? 0)
        let arrivesAt = earliest + dice.time(in: 0...(isLate ? 3000 : 10))
        requests.append(
            Request(
                what: what,
                epoch: epoch,
                arrivesAt: arrivesAt,
                answersAt: arrivesAt + dice.time(in: 0...(isLate ? 2000 : 10)),
                isRefused: dice.chance(profile.refusedHops / 2),
                isUnanswered: dice.chance(profile.lostAnswers)
            )
        )
    }

    /// What it sent before it died is on its way, or not.
    func die() {
        let first = requests.firstIndex { $0.answer == nil } ?? requests.endIndex
        let rest = requests.count - first
        if rest > 0 { requests.removeLast(dice.number(in: 0...rest)) }
    }

    /// The brokers take what has arrived, whatever has become of the worker.
    func deliver() throws {
        for index in requests.indices where requests[index].answer == nil && requests[index].arrivesAt <= now {
            if case .produce = requests[index].what, simulation.coordinator.isEnding { return }
            requests[index].answer = try answer(requests[index])
        }
    }

    private func answer(_ request: Request) throws -> ModelCoordinator.Answer {
        if request.isRefused { return .refused }
        switch request.what {
        case .takeOver:
            return simulation.coordinator.takeOver(dice, now: now)
        case .produce(let record, let decision):
            let isTaken = try simulation.take(record, decision, epoch: request.epoch, worker: number)
            return isTaken ? .done(epoch: request.epoch) : .fenced
        case .end(let commits): return try simulation.endTransaction(request.epoch, commits: commits)
        }
    }

    /// What the producer hears.
    private func settle() throws {
        guard !requests.isEmpty, requests.allSatisfy({ $0.answer != nil && $0.answersAt <= now }) else { return }
        let isUnanswered = requests.contains(where: \.isUnanswered)
        if isUnanswered, now < (requests.map(\.answersAt).max() ?? 0) + Self.patience { return }
        let answered = requests
        requests = []
        if isUnanswered { simulation.tally.note(.keeperAnswersLost) }
        let isFenced = answered.contains { request in
            if case .fenced = request.answer { return true }
            return false
        }
        guard !isFenced else {
            simulation.tally.note(.keepersShutOut)
            simulation.note("worker \(number) is no longer in charge of the schedules")
            return end(pause: Self.pauseAfterLoss)
        }
        let isDone =
            !isUnanswered
            && answered.allSatisfy { request in
                if case .done = request.answer { return true }
                return false
            }
        try go(on: answered, isDone: isDone)
    }

    private func go(on answered: [Request], isDone: Bool) throws {
        switch step {
        case .takingOver:
            guard isDone, case .done(let epoch) = answered.last?.answer else { return send(.takeOver) }
            self.epoch = epoch
            position = 0
            step = .reading(upTo: simulation.stateLogs[0].records.count)
        case .producing(let decision):
            step = isDone ? .produced(decision) : .aborting(decision)
            if !isDone { send(.end(commits: false)) }
        case .committing(let decision):
            guard isDone else {
                // It asks again; or it does not know, and the next who takes over will see.
                return dice.chance(50) ? send(.end(commits: true)) : end(pause: Self.pauseAfterFailure)
            }
            for note in decision.turn.notes { book.take(key: note.key, value: note.value) }
            step = .inCharge
        case .aborting(let decision):
            guard isDone else { return end(pause: Self.pauseAfterFailure) }
            guard sent < Self.sends else { return end(pause: Self.pauseAfterFailure) }
            produce(decision)
        case .out, .reading, .inCharge, .decided, .produced: break
        }
    }
}
