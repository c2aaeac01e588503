internal import RdKafka

/// Commits offsets as the only member of a group, for brokers that take commits of nobody else.
///
/// A member that gets all partitions is alone, because everybody who works the queue subscribes to its main topic.
/// A topic of one partition is the exception: a second member would go unnoticed. The reset is sound there, too: the
/// other has let go of the partition, and takes it up again at the new offset.
struct JoiningReset {
    private static let leavingLimit = Duration.seconds(10)

    private let reset: OffsetReset
    private let offsets: [TopicPartition: CommittedOffset]
    private let configuration: ClientConfiguration
    /// How long joining may take. A dead member keeps its place in the group for the session timeout, and the join
    /// that it spoils is followed by another.
    private let joiningLimit: Duration

    init(_ reset: OffsetReset, _ offsets: [TopicPartition: CommittedOffset], _ configuration: ClientConfiguration) {
        self.reset = reset
        self.offsets = offsets
        var configuration = configuration
        // As a worker has it: the embedded broker lets a join last for as long as the last member's session timeout,
        // and takes members for dead after the newest one's.
        configuration.properties.merge(["session.timeout.ms": "\(configuration.sessionTimeout)"]) { set, _ in set }
        configuration.properties["group.instance.id"] = nil
        joiningLimit = max(.seconds(60), .milliseconds(4 * configuration.sessionTimeout))
        self.configuration = configuration
    }

    /// - Throws: ``ResetError`` where somebody else is in the group; nothing is committed then.
    func run() async throws {
        let admin = try AdminClient(configuration)
        let topic = reset.queue.mainTopic
        let all = Set(try await admin.metadata(topics: [topic]).partitions(of: topic) ?? [])
        // A consumer belongs to one thread, and its calls block.
        try await OSThread.run(name: "kokanee:reset") {
            let wakeup = try Wakeup()
            let consumer = try Consumer(configuration, group: reset.queue.group, wakeup: wakeup)
            defer { Self.leave(consumer) }
            try consumer.subscribe([topic])
            let assigned = try assignment(of: consumer)
            guard Set(assigned) == all else { throw OffsetResetter.refusal(reset.queue.group) }
            let committed = try consumer.committed(Array(offsets.keys))
            try OffsetResetter.check(reset, unchangedIn: committed.mapValues(\.offset))
            try consumer.commitAndWait(offsets)
        }
    }

    private func assignment(of consumer: Consumer) throws -> [TopicPartition] {
        let deadline = ContinuousClock.now + joiningLimit
        while ContinuousClock.now < deadline {
            while let event = consumer.nextEvent() {
                switch event {
                case .assigned(let partitions):
                    return partitions
                case .revoked, .lost:
                    try consumer.unassign()
                case .failed(let error):
                    if error.isFatal { throw error }
                case .committed, .record:
                    continue
                }
            }
            consumer.wait(upTo: .milliseconds(100))
        }
        throw ResetError("group \(reset.queue.group) could not be joined within \(joiningLimit.text)")
    }

    private static func leave(_ consumer: Consumer) {
        try? consumer.unassign()
        consumer.startClosing()
        let deadline = ContinuousClock.now + leavingLimit
        while !consumer.isClosed, ContinuousClock.now < deadline {
            while let event = consumer.nextEvent() {
                switch event {
                case .assigned, .revoked, .lost: try? consumer.unassign()
                case .committed, .record, .failed: continue
                }
            }
            consumer.wait(upTo: .milliseconds(20))
        }
    }
}
