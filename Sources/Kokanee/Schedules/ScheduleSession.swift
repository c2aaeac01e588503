internal import RdKafka

/// One time of being in charge of a queue's schedules: nobody who was before can write any more, and what they wrote is
/// known.
///
/// It ends when its producer says that somebody else is in charge now. Until then it may rest: whoever takes over while it
/// does shuts it out before they read.
final class ScheduleSession: Sendable {
    let book = ScheduleBook()
    /// The schedules that there were when this began. How far they came is not to be forgotten only because the worker has
    /// not heard of them yet.
    let known: Set<String>
    private let queue: Queue
    private let producer: TransactionalProducer
    private let follower: TopicFollower

    static func transactionalID(of queue: Queue) -> String { "kokanee.\(queue.name).schedules" }

    /// Shuts out whoever was in charge, and then reads how far they came.
    init(_ queue: Queue, _ client: ClientConfiguration) async throws {
        self.queue = queue
        producer = try TransactionalProducer(
            Self.configuration(client),
            transactionalID: Self.transactionalID(of: queue)
        )
        try await producer.takeOver()
        let prefix = ScheduleRecord.keyPrefix(queue: queue.name)
        let entries = try await ControlTopic(client).read(prefix: prefix)
        known = Set(entries.map { String($0.key.dropFirst(prefix.count)) })
        let partition = TopicPartition(topic: queue.stateTopic, partition: 0)
        let read = try await Self.read(partition, client, book)
        follower = try TopicFollower(
            queue.stateTopic,
            partitions: [0],
            from: [0: read],
            configuration: client,
            each: { [book] record in book.take(record) }
        )
    }

    func write(_ turn: ScheduleTurn) async throws(KafkaError) {
        try await producer.send(turn.output)
        for note in turn.notes { book.take(key: note.key, value: note.value) }
    }

    func end() {
        follower.stop()
    }

    /// All of a partition that is there now; where it ended.
    private static func read(
        _ partition: TopicPartition,
        _ client: ClientConfiguration,
        _ book: ScheduleBook
    ) async throws -> Int64 {
        // Not to be there is not to be empty: what was fired would be fired again.
        guard let range = try await AdminClient(client.seeingUncommitted).extents(of: [partition])[partition] else {
            throw TopicError("\(partition) is not there")
        }
        try await TopicReader.readSettled(
            [partition: range],
            configuration: client,
            operation: "reading how far the schedules have come"
        ) {
            book.take($0)
            return true
        }
        return range.upperBound
    }

    /// Readers of a partition wait while a transaction on it is open: one that dies with its worker is not to hold them up
    /// for long.
    private static func configuration(_ client: ClientConfiguration) -> ClientConfiguration {
        var client = client
        client.properties["transaction.timeout.ms"] = client.properties["transaction.timeout.ms"] ?? "15000"
        client.properties["message.max.bytes"] = client.properties["message.max.bytes"] ?? "67108864"
        return client
    }
}
