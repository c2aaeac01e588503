import RdKafka

@testable import Kokanee

/// A transaction of the schedules' keepers.
struct ModelTransaction {
    let epoch: Int
    let since: Int64
    let decision: ModelDecision
    var jobs: [ModelRecord] = []
    /// Offsets in the state's partition 0.
    var notes: [Int] = []
    /// Nil while it is open.
    var isCommitted: Bool?
    /// When the marker of its end reaches the state, and each partition of the main topic.
    var markers: [(partition: Int?, at: Int64)] = []
}

/// Who has the one transactional id of a queue's keepers, and what is open of it.
struct ModelCoordinator {
    enum Answer {
        case done(epoch: Int)
        /// Somebody else has taken over.
        case fenced
        /// Nobody knows why; it may be tried again.
        case refused
        /// A transaction is not ended yet.
        case notYet
    }

    private(set) var epoch = 0
    private(set) var transaction: ModelTransaction?
    /// Of the epoch.
    private(set) var hasCommitted = false

    /// How long one may stay open; and how long it takes to be noticed.
    private static let limit: Int64 = 15_000

    mutating func takeOver(_ dice: Dice, now: Int64) -> Answer {
        guard transaction == nil else {
            if transaction?.isCommitted == nil { abort(dice, now: now) }
            return .notYet
        }
        epoch += 1
        hasCommitted = false
        return .done(epoch: epoch)
    }

    /// - Returns: false for one who was shut out.
    mutating func add(_ epoch: Int, _ decision: ModelDecision, now: Int64) -> Bool {
        guard epoch == self.epoch else { return false }
        if transaction == nil { transaction = ModelTransaction(epoch: epoch, since: now, decision: decision) }
        hasCommitted = false
        return true
    }

    /// One that has been ended has to be over before the next is begun.
    var isEnding: Bool { transaction?.isCommitted != nil }

    mutating func note(job: ModelRecord) { transaction?.jobs.append(job) }

    mutating func note(offset: Int) { transaction?.notes.append(offset) }

    /// What was open is committed, or aborted, in this moment; readers see that a little later, in each partition by
    /// itself.
    mutating func end(_ epoch: Int, commits: Bool, _ dice: Dice, now: Int64) -> Answer {
        guard epoch == self.epoch else { return .fenced }
        guard let isCommitted = transaction?.isCommitted ?? (transaction == nil ? hasCommitted : nil) else {
            transaction?.isCommitted = commits
            hasCommitted = commits
            setMarkers(dice, now: now)
            return .done(epoch: epoch)
        }
        return isCommitted == commits ? .done(epoch: epoch) : .refused
    }

    /// Ends what nobody has ended in time.
    mutating func tick(_ dice: Dice, now: Int64) -> Bool {
        guard let transaction, transaction.isCommitted == nil, now - transaction.since > Self.limit, dice.chance(10)
        else { return false }
        abort(dice, now: now)
        return true
    }

    /// The markers that have come; the transaction is over with the last of them.
    mutating func takeMarkers(now: Int64) -> [Int?] {
        let due = transaction?.markers.filter { $0.at <= now } ?? []
        transaction?.markers.removeAll { $0.at <= now }
        return due.map(\.partition)
    }

    mutating func forget() {
        if let transaction, transaction.isCommitted != nil, transaction.markers.isEmpty { self.transaction = nil }
    }

    private mutating func abort(_ dice: Dice, now: Int64) {
        transaction?.isCommitted = false
        // Whoever has it open is shut out.
        epoch += 1
        hasCommitted = false
        setMarkers(dice, now: now)
    }

    private mutating func setMarkers(_ dice: Dice, now: Int64) {
        guard let transaction else { return }
        var partitions: [Int?] = Set(transaction.jobs.map(\.place.partition)).sorted()
        if !transaction.notes.isEmpty { partitions.append(nil) }
        self.transaction?.markers = partitions.map { ($0, now + dice.time(in: 0...(dice.chance(10) ? 2000 : 20))) }
    }
}
