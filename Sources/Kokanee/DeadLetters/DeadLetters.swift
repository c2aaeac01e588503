public import RdKafka

/// The dead letters of a queue: reads them, sends their jobs back, puts them aside.
///
/// A letter is never changed or removed; what becomes of it is a ``VerdictRecord`` in the queue's state topic. A job
/// that died, was retried and died again has two letters, of which one is settled.
///
/// Memory stays bounded, however many letters there are: about 50 bytes for each that matches and 80 for each verdict,
/// and what one part of at most ``partSize`` letters takes.
public final class DeadLetters: Sendable {
    /// Letters that are held in memory at a time.
    static let partSize = 10_000
    static let partBytes = 32 * 1024 * 1024

    /// Told how many letters of how many have been dealt with, every now and then, on any thread.
    public typealias Progress = @Sendable (_ count: Int, _ total: Int) -> Void

    /// What a filter means.
    public struct Findings: Sendable, Equatable {
        /// Letters that match.
        public var letters = 0
        /// Those among them that have no verdict.
        public var open = 0
        /// Ids that the filter names and no letter has.
        public var unknownIDs: [String] = []
        /// Ids that the filter names and all of whose letters have verdicts.
        public var settledIDs: [String] = []
    }

    public let queue: Queue
    let configuration: ClientConfiguration
    /// Sees partitions to their ends, past transactions that are still open.
    let admin: AdminClient
    let operatorName: String
    let now: @Sendable () -> Int64
    let clock: PacingClock

    /// - Parameters:
    ///   - operatorName: stands in the verdicts as who decided.
    ///   - now: milliseconds since the epoch.
    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public convenience init(
        _ queue: Queue,
        configuration: ClientConfiguration,
        operatorName: String = "kokanee",
        now: @escaping @Sendable () -> Int64 = { Timestamp.now }
    ) throws(KafkaError) {
        try self.init(
            queue,
            configuration: configuration,
            operatorName: operatorName,
            now: now,
            clock: .continuous
        )
    }

    /// - Parameter clock: by which rates are kept.
    package init(
        _ queue: Queue,
        configuration: ClientConfiguration,
        operatorName: String,
        now: @escaping @Sendable () -> Int64 = { Timestamp.now },
        clock: PacingClock
    ) throws(KafkaError) {
        self.queue = queue
        self.configuration = configuration
        self.operatorName = operatorName
        self.now = now
        self.clock = clock
        admin = try AdminClient(configuration.seeingUncommitted)
    }

    /// Calls `each` with the letters that `filter` means, from the one that died first.
    ///
    /// - Parameter progress: told of the letters that were looked at.
    /// - Throws: ``TopicError`` where the queue or its topics are not there; ``KafkaError``; what `each` throws.
    public func list(
        _ filter: DeadLetterFilter = DeadLetterFilter(),
        progress: Progress? = nil,
        each: (DeadLetter) throws -> Void
    ) async throws -> Findings {
        let layout = try await layout()
        let verdicts = try await verdicts(layout, .asFarAsCommitted)
        let search = try await search(filter, layout, verdicts, progress)
        let references = search.references
        let defaultType = queue.defaultType
        for part in references.parts(ofAtMost: Self.partSize, bytes: Self.partBytes) {
            let letters = try await read(part) { record, place in
                DeadLetter(
                    record,
                    Envelope.decodeDeadLetter(record, defaultType: defaultType),
                    verdicts.note(at: place, letterTimestamp: record.timestamp)
                )
            }
            for letter in letters { try each(letter) }
        }
        return findings(search, references)
    }

    /// What ``retry(_:reason:rate:progress:)``, or a discarding, would deal with.
    ///
    /// - Parameter filter: open letters are meant, whatever it says of that; the others are counted beside them.
    public func plan(_ filter: DeadLetterFilter, progress: Progress? = nil) async throws -> DeadLetterPlan {
        var all = filter
        all.isOpenOnly = false
        all.limit = nil
        let layout = try await layout()
        let search = try await search(all, layout, verdicts(layout, .asFarAsCommitted), progress)
        return DeadLetterPlan(search, limit: filter.limit, findings: findings(search, search.references))
    }

    /// Calls `each` with the letters that `filter` means, whole. As ``list(_:progress:each:)`` otherwise.
    public func show(_ filter: DeadLetterFilter, each: (WholeDeadLetter) throws -> Void) async throws -> Findings {
        let layout = try await layout()
        let search = try await search(filter, layout, verdicts(layout, .asFarAsCommitted), nil)
        let references = search.references
        let verdicts = try await verdicts(layout, .asFarAsCommitted, wanted: Set(references.map(\.place)))
        let defaultType = queue.defaultType
        for part in references.parts(ofAtMost: Self.partSize, bytes: Self.partBytes) {
            let letters = try await read(part) { record, place in
                let decoded = Envelope.decodeDeadLetter(record, defaultType: defaultType)
                let note = verdicts.note(at: place, letterTimestamp: record.timestamp)
                return WholeDeadLetter(record, decoded, note, note.flatMap { _ in verdicts.whole[place] })
            }
            for letter in letters { try each(letter) }
        }
        return findings(search, references)
    }

    // MARK: - What reading and settling share

    /// The partitions that the queue's topics have.
    struct Layout {
        var deadLetters: [TopicPartition]
        var state: [TopicPartition]
    }

    enum Completeness {
        /// What transactions hold back that are still open is not waited for.
        case asFarAsCommitted
        /// Everything that stands in the log now.
        case complete
    }

    /// - Throws: ``TopicError`` that says what is missing and how to make it.
    func layout() async throws -> Layout {
        let names = [queue.mainTopic, queue.deadLetterTopic, queue.stateTopic]
        let metadata = try await admin.metadata(topics: names)
        let partitions = names.map { metadata.partitions(of: $0) ?? [] }
        if let id = queue.replay, partitions.contains(where: \.isEmpty) {
            throw TopicError("there is no replay \(id) of \(queue.mainTopic), or it has no dead letters' topic")
        }
        guard !partitions[0].isEmpty else {
            throw TopicError.noQueue(queue)
        }
        let missing = zip(names, partitions).filter { $1.isEmpty }.map(\.0)
        guard missing.isEmpty else {
            let command = TopicInspection.command(for: queue)
            throw TopicError("queue \(queue.name) lacks \(missing.joined(separator: ", ")); create it with: \(command)")
        }
        // A queue may have grown since the replay began; its letters' partitions are there all the same.
        let hasGrown = queue.replay != nil && partitions[0].count > partitions[1].count
        guard Set(partitions.dropFirst(hasGrown ? 1 : 0).map(\.count)).count == 1 else {
            let counts = zip(names, partitions).map { "\($0) has \($1.count)" }.joined(separator: ", ")
            throw TopicError("all topics of a queue have the same number of partitions, but \(counts)")
        }
        return Layout(deadLetters: partitions[1], state: partitions[2])
    }

    /// - Parameter wanted: letters whose verdicts are kept whole.
    func verdicts(
        _ layout: Layout,
        _ completeness: Completeness,
        wanted: Set<LetterPlace> = []
    ) async throws -> VerdictIndex {
        let index = Gathering(VerdictIndex(wanted: wanted))
        let ranges = try await admin.extents(of: layout.state)
        let take: @Sendable (Record) -> Bool = { record in
            index.mutate { $0.take(partition: record.partition, key: record.key, value: record.value) }
            return true
        }
        switch completeness {
        case .asFarAsCommitted:
            try await TopicReader.read(ranges, configuration: configuration, each: take)
        case .complete:
            try await TopicReader.readSettled(
                ranges,
                configuration: configuration,
                operation: "reading the verdicts on dead letters",
                each: take
            )
        }
        return index.value
    }

    func search(
        _ filter: DeadLetterFilter,
        _ layout: Layout,
        _ verdicts: VerdictIndex,
        _ progress: Progress?
    ) async throws -> LetterSearch {
        let ranges = try await admin.extents(of: layout.deadLetters)
        let total = Int(clamping: ranges.values.reduce(0) { $0 + Int64($1.count) })
        let search = Gathering(LetterSearch(filter, defaultType: queue.defaultType, verdicts: verdicts))
        let counter = Gathering(0)
        try await TopicReader.read(ranges, configuration: configuration) { record in
            search.mutate { $0.look(at: record) }
            if let progress {
                let count = counter.mutate { count in
                    count += 1
                    return count
                }
                if count.isMultiple(of: 1000) { progress(count, max(count, total)) }
            }
            return true
        }
        return search.value
    }

    /// Reads letters again and returns what `transform` makes of them, in the references' order; those that retention
    /// has taken in the meantime are missing.
    func read<Value: Sendable>(
        _ references: ArraySlice<LetterReference>,
        _ transform: @escaping @Sendable (Record, LetterPlace) -> Value
    ) async throws -> [Value] {
        var ranges: [TopicPartition: Range<Int64>] = [:]
        var wanted: [LetterPlace: Int] = [:]
        for (index, reference) in references.enumerated() {
            let place = reference.place
            let partition = TopicPartition(topic: queue.deadLetterTopic, partition: place.partition)
            let known = ranges[partition] ?? place.offset..<place.offset + 1
            ranges[partition] = min(known.lowerBound, place.offset)..<max(known.upperBound, place.offset + 1)
            wanted[place] = index
        }
        let indices = wanted
        let values = Gathering([Value?](repeating: nil, count: references.count))
        try await TopicReader.read(ranges, configuration: lookupConfiguration(ranges.count)) { record in
            let place = LetterPlace(partition: record.partition, offset: record.offset)
            guard let index = indices[place] else { return true }
            let value = transform(record, place)
            values.mutate { $0[index] = value }
            return true
        }
        return values.value.compactMap(\.self)
    }

    /// For reading stretches that are short: what a client fetches beyond them is thrown away.
    func lookupConfiguration(_ partitions: Int) -> ClientConfiguration {
        var configuration = configuration
        // Past this much librdkafka 2.0 waits for a second before it fetches more.
        let kilobytes = max(4096, Self.partBytes / 1024 / max(1, partitions))
        configuration.properties.merge(["queued.max.messages.kbytes": "\(kilobytes)"]) { set, _ in set }
        return configuration
    }

    func findings(_ search: LetterSearch, _ references: [LetterReference]) -> Findings {
        Findings(
            letters: references.count,
            open: references.reduce(0) { $0 + ($1.isSettled ? 0 : 1) },
            unknownIDs: search.unknownIDs,
            settledIDs: search.settledIDs
        )
    }
}
