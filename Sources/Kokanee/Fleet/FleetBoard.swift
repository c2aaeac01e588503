internal import Synchronization

/// What operators want of a queue, as the control topic has it: what is paused, and which jobs are cancelled.
///
/// The follower's thread writes it, and everybody reads it. That nothing is cancelled, which is nearly always, is known
/// by an atomic load.
final class FleetBoard: Sendable {
    /// What an entry has changed.
    enum News: Sendable, Hashable {
        /// Of the whole queue.
        case pause
        /// Of a type, or the queue's limits.
        case limits
        case cancelled(JobCancellation)
        /// It stands no more, or can't be told apart from that.
        case uncancelled
        /// The entry can't be read, and counts as none.
        case unreadable
    }

    private struct State {
        var pause: Pause?
        var types: [String: Pause] = [:]
        var limits: LimitTable?
        /// By the jobs' ids.
        var cancellations: [String: JobCancellation] = [:]
        var isKnown = false
        /// When jobs that are being cancelled were last looked for, and until when they still are.
        var looks: (next: ContinuousClock.Instant, until: ContinuousClock.Instant)?
        var forgetsAt: ContinuousClock.Instant?
    }

    /// What is to be done about cancellations at a moment.
    enum Duty: Sendable, Hashable {
        case none
        /// Look for jobs that began while they were being cancelled.
        case look
        /// Forget the expired ones.
        case forget
    }

    /// How long a runner is looked for that has begun a job unseen, at the moment in which that was cancelled.
    private static let afterlook = Duration.seconds(1)
    private static let lookInterval = Duration.milliseconds(50)
    private static let forgetInterval = Duration.seconds(60)

    private let queue: String
    private let state = Mutex(State())
    private let count = Atomic(0)

    init(queue: Queue) {
        self.queue = queue.name
    }

    // MARK: - What is wanted

    /// The word on the whole queue; nil where it runs.
    var pause: Pause? { state.withLock { $0.pause } }

    /// The words on types, by type.
    var pausedTypes: [String: Pause] { state.withLock { $0.types } }

    /// The queue's limits; nil where those of the worker's configuration count.
    var limits: LimitTable? { state.withLock { $0.limits } }

    /// What the control topic held at the start is known.
    var isKnown: Bool { state.withLock { $0.isKnown } }

    var hasCancellations: Bool { count.load(ordering: .acquiring) > 0 }

    /// The cancellation of a job; nil where none stands.
    ///
    /// - Parameter now: milliseconds since the epoch.
    func cancellation(of content: JobContent, now: Int64) -> JobCancellation? {
        hasCancellations ? cancellation(of: content.id, now: now) : nil
    }

    func cancellation(of id: String, now: Int64) -> JobCancellation? {
        guard let found = state.withLock({ $0.cancellations[id] }), found.expiresAt > now else { return nil }
        return found
    }

    /// All that stand.
    func cancellations(now: Int64) -> [JobCancellation] {
        state.withLock { $0.cancellations.values.filter { $0.expiresAt > now } }
    }

    // MARK: - What is heard

    /// Takes an entry of one of the queue's keys in; nil where it changes nothing.
    func take(_ change: ControlFollower.Change) -> News? {
        if change.key == Pause.key(queue: queue) {
            let read = change.entry.map { Pause($0, queue: queue) }
            put(pause: read ?? nil)
            return read == .some(nil) ? .unreadable : .pause
        }
        if let type = Self.rest(of: change.key, behind: Pause.keyPrefix(queue: queue)) {
            let read = change.entry.map { Pause($0, queue: queue) }
            state.withLock { $0.types[type] = (read ?? nil).flatMap { $0.stands ? $0 : nil } }
            return read == .some(nil) ? .unreadable : .limits
        }
        if change.key == LimitTable.controlKey(of: queue) {
            let read = change.entry.map { try? LimitTable(json: $0.value) }
            state.withLock { $0.limits = read ?? nil }
            return read == .some(nil) ? .unreadable : .limits
        }
        guard let id = Self.rest(of: change.key, behind: JobCancellation.keyPrefix(queue: queue)) else { return nil }
        let read = change.entry.map { JobCancellation($0, queue: queue) }
        put(read ?? nil, for: id)
        guard let cancellation = read ?? nil else { return read == .some(nil) ? .unreadable : .uncancelled }
        return .cancelled(cancellation)
    }

    /// A job has been cancelled.
    func noteCancellation(at now: ContinuousClock.Instant) {
        state.withLock { $0.looks = (now + Self.lookInterval, now + Self.afterlook) }
    }

    func duty(at now: ContinuousClock.Instant) -> Duty {
        guard hasCancellations else { return .none }
        return state.withLock { state in
            if let looks = state.looks, now >= looks.next {
                state.looks = now < looks.until ? (now + Self.lookInterval, looks.until) : nil
                return .look
            }
            guard let forgetsAt = state.forgetsAt, now < forgetsAt else {
                let isFirst = state.forgetsAt == nil
                state.forgetsAt = now + Self.forgetInterval
                return isFirst ? .none : .forget
            }
            return .none
        }
    }

    func know() { state.withLock { $0.isKnown = true } }

    /// Forgets cancellations that have expired. True if none is left.
    ///
    /// - Parameter now: milliseconds since the epoch.
    func forgetExpired(now: Int64) -> Bool {
        state.withLock { state in
            state.cancellations = state.cancellations.filter { $0.value.expiresAt > now }
            count.store(state.cancellations.count, ordering: .releasing)
            return state.cancellations.isEmpty
        }
    }

    private func put(pause: Pause?) {
        state.withLock { $0.pause = pause.flatMap { $0.stands ? $0 : nil } }
    }

    private func put(_ cancellation: JobCancellation?, for id: String) {
        state.withLock { state in
            state.cancellations[id] = cancellation
            count.store(state.cancellations.count, ordering: .releasing)
        }
    }

    private static func rest(of key: String, behind prefix: String) -> String? {
        key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : nil
    }
}
