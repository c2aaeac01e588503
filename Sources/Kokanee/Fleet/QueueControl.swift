public import RdKafka

/// Gives a queue's fleet its orders: pause, drain, resume, cancel. Every worker has heard of them within a second.
///
/// Each order stands in `kokanee.control` until another takes its place, so that workers that start later obey it too.
/// Giving one twice changes nothing.
public struct QueueControl: Sendable {
    /// What an order about a queue, or about one of its types, has changed.
    public struct Change: Sendable, Hashable {
        /// Nil is the whole queue.
        public let type: String?
        /// What stood before; nil where it ran.
        public let before: Pause?
        /// What stands now.
        public let now: Pause?

        /// Whether it was otherwise before.
        public var isNews: Bool { before?.mode != now?.mode }
    }

    /// What became of one cancellation.
    public struct Cancelled: Sendable, Hashable {
        public let cancellation: JobCancellation
        /// It stood before.
        public let stoodBefore: Bool
    }

    /// Expired cancellations that one call takes out of the topic: more than it puts in.
    private static let mostSwept = 1000

    let configuration: ClientConfiguration
    private let control: ControlTopic
    let admin: AdminClient
    private let now: @Sendable () -> Int64

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        try self.init(configuration, now: { Timestamp.now })
    }

    init(_ configuration: ClientConfiguration, now: @escaping @Sendable () -> Int64) throws(KafkaError) {
        self.configuration = configuration
        self.now = now
        control = try ControlTopic(configuration)
        admin = try AdminClient(configuration)
    }

    /// What stands.
    ///
    /// - Throws: ``TopicError`` where there is no such queue; ``KafkaError``.
    public func orders(of queue: Queue) async throws -> QueueOrders {
        try await require(queue)
        return try await read(queue)
    }

    // MARK: - Pauses

    /// Nothing of the queue, or of some of its types, starts from now on; what runs goes on, and offsets stay.
    ///
    /// - Parameters:
    ///   - types: none is the whole queue.
    ///   - by: who wants it, such as `user@host`; at most 200 bytes.
    ///   - reason: at most 500 bytes.
    /// - Throws: ``TopicError`` where there is no such queue; ``InputError`` for a type that can't be one, and for a
    ///   replay's queue; ``KafkaError``.
    @discardableResult
    public func pause(
        _ queue: Queue,
        types: [String] = [],
        by: String,
        reason: String? = nil
    ) async throws -> [Change] {
        try await set(.paused, queue, types, by, reason)
    }

    /// Has the workers finish what they have taken in, and take in nothing more; see ``progress(ofDrain:_:)``.
    @discardableResult
    public func drain(_ queue: Queue, by: String, reason: String? = nil) async throws -> Change {
        try await set(.draining, queue, [], by, reason)[0]
    }

    /// Takes a pause or a drain back. Types that are paused by themselves stay so unless they are named.
    ///
    /// - Parameter types: none is the whole queue.
    @discardableResult
    public func resume(_ queue: Queue, types: [String] = [], by: String) async throws -> [Change] {
        try await set(.resumed, queue, types, by, nil)
    }

    private func set(
        _ mode: Pause.Mode.Kind,
        _ queue: Queue,
        _ types: [String],
        _ by: String,
        _ reason: String?
    ) async throws -> [Change] {
        try await require(queue)
        for type in types { try NewJob.validate("job type", type) }
        let orders = try await read(queue)
        var named: Set<String?> = []
        let targets: [String?] = types.isEmpty ? [nil] : types.filter { named.insert($0).inserted }
        var records: [(key: String, value: [UInt8]?)] = []
        let changes = targets.map { type in
            let before = type.map { type in orders.pausedTypes.first { $0.type == type } } ?? orders.pause
            guard before?.mode.kind ?? .resumed != mode else { return Change(type: type, before: before, now: before) }
            let word = Pause(
                queue: queue.name,
                type: type,
                mode: .init(kind: mode),
                by: FleetText.name(by),
                reason: FleetText.reason(reason),
                // Two words of one moment would be taken for one.
                at: max(now(), (before?.at ?? 0) + 1)
            )
            // A type has nothing that its pause's time would have to be taken from.
            let isTakenAway = type != nil && !word.stands
            records.append((word.key, isTakenAway ? nil : word.json.finish()))
            return Change(type: type, before: before, now: word.stands ? word : nil)
        }
        if !records.isEmpty { try await control.write(records) }
        return changes
    }

    // MARK: - Cancellations

    /// Has jobs never run again: what has not begun is discarded when it comes up, what runs is asked to end.
    ///
    /// Whether a job is done already, nobody can tell; then nothing happens. A cancellation stands for a week longer
    /// than the queue's longest rung delays a job; until then whatever has that id is discarded, also if it is enqueued
    /// again.
    ///
    /// - Throws: ``InputError`` for ids that can't be, for a replay's queue, and where more than ``JobCancellation/limit``
    ///   would stand; ``TopicError`` where there is no such queue; ``KafkaError``.
    @discardableResult
    public func cancel(
        _ ids: [String],
        of queue: Queue,
        by: String,
        reason: String? = nil
    ) async throws -> [Cancelled] {
        for id in ids { try Self.validate(id) }
        guard queue.replay == nil else {
            throw InputError("a replay's jobs can't be cancelled one by one: \(queue.replayAdvice)")
        }
        let longestRung = try await require(queue)
        let orders = try await read(queue)
        let standing = Dictionary(orders.cancellations.map { ($0.id, $0) }) { $1 }
        let at = now()
        var seen: Set<String> = []
        var new: [JobCancellation] = []
        let results = ids.filter { seen.insert($0).inserted }.map { id in
            let cancellation = JobCancellation(
                queue: queue.name,
                id: id,
                by: FleetText.name(by),
                reason: FleetText.reason(reason),
                at: at,
                expiresAt: at + longestRung + JobCancellation.lifetime
            )
            guard let known = standing[id] else {
                new.append(cancellation)
                return Cancelled(cancellation: cancellation, stoodBefore: false)
            }
            // One that is about to end is renewed.
            guard cancellation.expiresAt - known.expiresAt > JobCancellation.rest else {
                return Cancelled(cancellation: known, stoodBefore: true)
            }
            new.append(cancellation)
            return Cancelled(cancellation: cancellation, stoodBefore: true)
        }
        let count = Set(new.map(\.id)).subtracting(standing.keys).count + standing.count
        guard count <= JobCancellation.limit else {
            throw InputError(
                """
                \(standing.count) cancellations stand for \(queue.name), and \(JobCancellation.limit) is the most; pause \
                the queue or the type instead, or have the handler tell which jobs are not wanted
                """
            )
        }
        let renewed = Set(new.map(\.key))
        let swept = orders.expiredKeys.filter { !renewed.contains($0) }.prefix(Self.mostSwept + new.count)
        try await write(new.map { ($0.key, $0.json.finish()) } + swept.map { ($0, nil) })
        return results
    }

    /// Takes cancellations back: jobs that have not come up since run after all.
    ///
    /// - Returns: those that stood.
    @discardableResult
    public func takeBack(_ ids: [String], of queue: Queue) async throws -> [JobCancellation] {
        try await require(queue)
        let ids = Set(ids)
        let standing = try await read(queue).cancellations.filter { ids.contains($0.id) }
        try await write(standing.map { ($0.key, nil) })
        return standing
    }

    /// - Throws: ``InputError`` for an id that no job can be cancelled by.
    package static func validate(_ id: String) throws(InputError) {
        guard !id.isEmpty else { throw InputError("a job's id is not empty") }
        guard id.utf8.count <= JobCancellation.longestID else {
            throw InputError("a job that can be cancelled has an id of at most \(JobCancellation.longestID) bytes")
        }
    }

    // MARK: - The topic

    private func write(_ records: [(key: String, value: [UInt8]?)]) async throws {
        if !records.isEmpty { try await control.write(records) }
    }

    private func read(_ queue: Queue) async throws -> QueueOrders {
        let entries = try await control.read(prefixes: QueueOrders.prefixes(queue: queue.name))
        return QueueOrders(entries, queue: queue.name, now: now())
    }

    /// The delay of the queue's longest rung, in milliseconds.
    ///
    /// - Throws: ``InputError`` for a replay's queue; ``TopicError`` where there is no such queue; ``KafkaError``.
    @discardableResult
    private func require(_ queue: Queue) async throws -> Int64 {
        try queue.requireLive()
        let topics = try await admin.metadata().topics
        guard (try? topics[queue.mainTopic]?.get()) != nil else {
            throw TopicError.noQueue(queue)
        }
        let prefix = "\(queue.name).retry."
        return topics.keys.reduce(0) { longest, topic in
            guard topic.hasPrefix(prefix), let delay = try? Duration(text: String(topic.dropFirst(prefix.count))) else {
                return longest
            }
            return max(longest, delay.milliseconds)
        }
    }
}
