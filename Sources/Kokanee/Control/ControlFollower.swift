package import RdKafka
internal import Synchronization

/// Keeps what `kokanee.control` says under some keys, as it changes: a change is known within a second.
///
/// It has a client and a thread of its own, and costs nothing where it is not asked. Until it has caught up it knows
/// nothing; while no broker answers it knows what was.
package final class ControlFollower: Sendable {
    /// What one key has now.
    package struct Change: Sendable, Equatable {
        package let key: String
        /// Nil where the entry was taken away.
        package let entry: ControlTopic.Entry?
        /// It was read while the follower caught up: nobody can tell when it was written but by its time.
        package let isFromBefore: Bool
    }

    private let book: ControlBook
    private let follower: TopicFollower

    /// - Parameters:
    ///   - prefixes: of the keys that matter.
    ///   - missingLimit: for how long a broker has to say that there is no such topic until it holds nothing. One that has just
    ///     come up knows no topic, and who believed it would start what is paused.
    ///   - companions: topics of which any shows that the broker knows what there is.
    ///   - caughtUp: called once, when all that was there has been read, and told of.
    ///   - failed: called with what keeps the topic from being read, again and again; it goes on trying.
    ///   - changed: called with each entry that was there, the newest of each key, and then with each change, in the
    ///     broker's order for each key.
    ///
    /// All are called on the follower's thread.
    ///
    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    package init(
        prefixes: [String],
        missingLimit: Duration = .seconds(5),
        besides companions: Set<String> = [],
        configuration: ClientConfiguration,
        logger: Logger = .disabled,
        caughtUp: @escaping @Sendable () -> Void = {},
        failed: @escaping @Sendable (KafkaError) -> Void = { _ in },
        changed: @escaping @Sendable (Change) -> Void = { _ in }
    ) throws(KafkaError) {
        let book = ControlBook(prefixes: prefixes)
        self.book = book
        let lastFailure = Mutex<KafkaError.Code?>(nil)
        follower = try TopicFollower(
            Queue.controlTopic,
            missingLimit: missingLimit,
            besides: companions,
            configuration: configuration,
            failed: { error in
                failed(error)
                // Brokers that are away are reported for each partition, again and again.
                guard lastFailure.withLock({ $0.exchange(error.code) }) != error.code else { return }
                logger.log(
                    .warning,
                    "the control topic can't be read; it is tried again",
                    ["topic": Queue.controlTopic, "error": "\(error)"]
                )
            },
            caughtUp: {
                for change in book.catchUp() { changed(change) }
                book.open()
                caughtUp()
            },
            each: { record in
                if let change = book.take(record) { changed(change) }
            }
        )
    }

    /// All that was there when it began has been read. A topic that is not there holds nothing.
    package var hasCaughtUp: Bool { book.isOpen }

    /// The newest entry of a key; nil where there is none, or it is not known yet.
    package func entry(_ key: String) -> ControlTopic.Entry? { book.entry(key) }

    /// What is known under a prefix, sorted by key.
    package func entries(prefix: String) -> [ControlTopic.Entry] { book.entries(prefix: prefix) }

    /// Waits until it has caught up; false where that takes longer than `limit`.
    package func catchUp(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while !hasCaughtUp, ContinuousClock.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
        return hasCaughtUp
    }

    /// Ends it; returns at once. It keeps what it knows.
    package func stop() {
        follower.stop()
    }
}

/// The newest entries of a follower's keys.
private final class ControlBook: Sendable {
    private struct Place {
        var partition: Int32
        var timestamp: Int64
        /// Nil is a tombstone.
        var entry: ControlTopic.Entry?
    }

    private struct State {
        var places: [String: Place] = [:]
        var hasCaughtUp = false
        var isOpen = false
    }

    private let prefixes: [String]
    private let state = Mutex(State())

    init(prefixes: [String]) {
        self.prefixes = prefixes
    }

    var isOpen: Bool { state.withLock { $0.isOpen } }

    func open() { state.withLock { $0.isOpen = true } }

    func entry(_ key: String) -> ControlTopic.Entry? { state.withLock { $0.places[key]?.entry } }

    func entries(prefix: String) -> [ControlTopic.Entry] {
        let known = state.withLock { $0.places.values.compactMap(\.entry) }
        return known.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }
    }

    /// What the records so far amount to.
    func catchUp() -> [ControlFollower.Change] {
        let known = state.withLock { state in
            state.hasCaughtUp = true
            return state.places.values.compactMap(\.entry)
        }
        return known.sorted { $0.key < $1.key }.map { .init(key: $0.key, entry: $0, isFromBefore: true) }
    }

    /// The change that a record is; nil where it is none, or is told of later.
    func take(_ record: Record) -> ControlFollower.Change? {
        guard let key = record.key?.text, prefixes.contains(where: { key.hasPrefix($0) }) else { return nil }
        let entry = record.value.map { ControlTopic.Entry(key: key, value: $0.array, timestamp: record.timestamp) }
        let place = Place(partition: record.partition, timestamp: record.timestamp, entry: entry)
        return state.withLock { state in
            // A key has one partition, unless the topic was given more of them.
            if let known = state.places[key], known.partition != place.partition, known.timestamp > place.timestamp {
                return nil
            }
            let isChange = state.places[key]?.entry != entry
            state.places[key] = place
            return isChange && state.hasCaughtUp ? .init(key: key, entry: entry, isFromBefore: false) : nil
        }
    }
}

extension Optional {
    /// Puts another value in its place, and returns the one that there was.
    fileprivate mutating func exchange(_ value: Wrapped) -> Wrapped? {
        defer { self = value }
        return self
    }
}
