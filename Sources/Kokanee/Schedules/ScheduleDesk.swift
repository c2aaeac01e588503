public import RdKafka

/// The schedules of queues, as `kokanee.control` has them: to be looked at, written and taken away. Workers know of a
/// change within a second.
public struct ScheduleDesk: Sendable {
    /// What became of a schedule that was to be written.
    public enum Change: Sendable, Hashable {
        case added
        /// It was there, and is the same.
        case unchanged
        /// It was there; what is different now, in words.
        case replaced([String])
    }

    /// A schedule and how far it is.
    public struct Entry: Sendable, Hashable {
        public let record: ScheduleRecord
        /// Nil before it was fired, or passed over, for the first time.
        public let state: ScheduleState?
    }

    private let control: ControlTopic
    private let configuration: ClientConfiguration
    private let admin: AdminClient

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        control = try ControlTopic(configuration)
        admin = try AdminClient(configuration)
    }

    /// Writes a schedule; one that was there is replaced if it differs, and stays paused if it was.
    ///
    /// Other times of the clock count from now on; what was missed is forgotten with the old ones.
    ///
    /// - Throws: ``InputError`` for a schedule that can't be, and for a replay's queue; ``KafkaError``.
    public func put(
        _ schedule: Schedule,
        queue: String,
        source: ScheduleRecord.Source = .hand,
        by: String
    ) async throws -> Change {
        try schedule.validate()
        try Queue(queue).requireLive()
        var record = ScheduleRecord(queue: queue, schedule: schedule, source: source, by: by, at: Timestamp.now)
        guard let old = try await readable(schedule.name, queue: queue) else {
            try await write(record)
            return .added
        }
        let changes = old.schedule.changes(to: schedule)
        record.isPaused = old.isPaused
        if old.schedule.times == schedule.times, old.schedule.zone == schedule.zone { record.since = old.since }
        guard !changes.isEmpty || old.source != source else { return .unchanged }
        try await write(record)
        return changes.isEmpty ? .unchanged : .replaced(changes)
    }

    /// Pauses or resumes; false where that is no news. What would have come in between is not made up for.
    ///
    /// - Throws: ``InputError`` where there is no such schedule.
    public func setPaused(_ isPaused: Bool, _ name: String, queue: String, by: String) async throws -> Bool {
        var record = try await existing(name, queue: queue)
        guard record.isPaused != isPaused else { return false }
        record.isPaused = isPaused
        (record.by, record.at) = (by, Timestamp.now)
        if !isPaused { record.since = nil }
        try await write(record)
        return true
    }

    /// Takes a schedule away; false where there is none.
    public func remove(_ name: String, queue: String) async throws -> Bool {
        let key = ScheduleRecord.key(queue: queue, name: name)
        guard try await control.read(prefix: key).contains(where: { $0.key == key }) else { return false }
        try await control.write([(key, nil)])
        return true
    }

    /// A queue's schedules, by name. Records that can't be read are left out.
    public func entries(queue: Queue) async throws -> [Entry] {
        let records = try await control.read(prefix: ScheduleRecord.keyPrefix(queue: queue.name))
            .compactMap { try? ScheduleRecord($0) }
        guard !records.isEmpty else { return [] }
        let book = ScheduleBook()
        let partition = TopicPartition(topic: queue.stateTopic, partition: 0)
        let ranges = try await admin.extents(of: [partition])
        try await TopicReader.read(ranges, configuration: configuration) {
            book.take($0)
            return true
        }
        let states = book.states
        return records.map { Entry(record: $0, state: states[$0.schedule.name]) }
    }

    /// - Throws: ``InputError`` where there is no such schedule.
    public func existing(_ name: String, queue: String) async throws -> ScheduleRecord {
        guard let record = try await record(name, queue: queue) else {
            throw InputError(
                "queue \(queue) has no schedule \(SafeText.quoted(name)); list them with: kokanee cron list \(queue)"
            )
        }
        return record
    }

    /// A record that can't be read is as good as none.
    private func readable(_ name: String, queue: String) async throws -> ScheduleRecord? {
        do {
            return try await record(name, queue: queue)
        } catch is InputError {
            return nil
        } catch is CronError {
            return nil
        }
    }

    private func record(_ name: String, queue: String) async throws -> ScheduleRecord? {
        let key = ScheduleRecord.key(queue: queue, name: name)
        return try await control.read(prefix: key).first { $0.key == key }.flatMap { try ScheduleRecord($0) }
    }

    private func write(_ record: ScheduleRecord) async throws {
        try await control.write([(record.key, record.value)])
    }
}
