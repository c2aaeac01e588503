public import RdKafka

/// A job that all in-sync replicas have.
public struct EnqueuedJob: Sendable, Hashable {
    public let id: String
    public let topic: String
    public let partition: Int32
    public let offset: Int64
}

/// Enqueues jobs.
///
/// A delayed job goes to the queue's main topic too; the worker takes it down the ladder until it is due.
public final class JobClient: Sendable {
    private let producer: Producer
    private let source: String
    private let codec: any PayloadCodec
    private let messageLimit: Int
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - source: `ce_source` of the jobs, a URI reference that says who enqueues them.
    ///   - codec: encodes the payloads of ``Job`` types.
    /// - Throws: ``KafkaError`` where librdkafka refuses a property; ``InputError`` for the source.
    public convenience init(
        _ configuration: ClientConfiguration,
        source: String = "kokanee",
        codec: any PayloadCodec = .json
    ) throws {
        try self.init(
            producer: try Producer(configuration),
            source: source,
            codec: codec,
            messageLimit: configuration.properties["message.max.bytes"].flatMap { Int($0) } ?? 1_000_000
        )
    }

    /// Enqueues through a producer that others use as well.
    ///
    /// - Parameters:
    ///   - messageLimit: the producer's `message.max.bytes`, for the words of an error.
    ///   - now: milliseconds since the epoch.
    public init(
        producer: Producer,
        source: String = "kokanee",
        codec: any PayloadCodec = .json,
        messageLimit: Int = 1_000_000,
        now: @escaping @Sendable () -> Int64 = { Timestamp.now }
    ) throws {
        try NewJob.validate("source", source)
        self.producer = producer
        self.source = source
        self.codec = codec
        self.messageLimit = messageLimit
        self.now = now
    }

    /// Enqueues a job and awaits its acknowledgement. See ``NewJob`` for the parameters.
    ///
    /// - Throws: ``InputError`` for what would fail again; ``KafkaError`` for what the brokers say; what the codec throws.
    public func enqueue(
        _ job: some Job,
        to queue: Queue,
        key: Bytes? = nil,
        id: String? = nil,
        delay: Duration? = nil,
        at: Int64? = nil,
        expiresAfter: Duration? = nil,
        idempotencyKey: String? = nil
    ) async throws -> EnqueuedJob {
        var new = try NewJob(job, codec: codec)
        new.key = key
        new.id = id
        new.delay = delay
        new.at = at
        new.expiresAfter = expiresAfter
        new.idempotencyKey = idempotencyKey
        return try await enqueue(new, to: queue)
    }

    /// Enqueues a job, of raw bytes for instance, and awaits its acknowledgement.
    ///
    /// - Throws: ``InputError`` for what would fail again; ``KafkaError`` for what the brokers say.
    public func enqueue(_ job: NewJob, to queue: Queue) async throws -> EnqueuedJob {
        try await enqueue([job], to: queue)[0].get()
    }

    /// Enqueues many jobs and awaits all their acknowledgements; the results are in the jobs' order.
    ///
    /// A job that is refused does not keep the others back. All are held in memory: send a large number in parts.
    public func enqueue(_ jobs: [some Job], to queue: Queue) async -> [Result<EnqueuedJob, any Error>] {
        await enqueue(jobs.map { job in Result { try NewJob(job, codec: codec) } }, to: queue)
    }

    /// As ``enqueue(_:to:)-([Job],_)``, with key, delay and the rest for each job.
    public func enqueue(_ jobs: [NewJob], to queue: Queue) async -> [Result<EnqueuedJob, any Error>] {
        await enqueue(jobs.map { .success($0) }, to: queue)
    }

    /// Waits until all is acknowledged, `limit` at most, and ends the producer, also one that was given.
    public func close(within limit: Duration = .seconds(30)) async {
        await producer.close(within: limit)
    }

    private func enqueue(
        _ jobs: [Result<NewJob, any Error>],
        to queue: Queue
    ) async -> [Result<EnqueuedJob, any Error>] {
        // As an existential it has a place in memory. By itself it is empty, Swift passes any address for it, and
        // ThreadSanitizer, which is told that something is written there, crashes where that can't be.
        var generator: any RandomNumberGenerator = SystemRandomNumberGenerator()
        let now = now()
        let prepared = jobs.map { job in
            Result { try job.get().record(for: queue, source: source, at: now, using: &generator) }
        }
        let records = prepared.compactMap { try? $0.get().record }
        var deliveries = await producer.sendBisecting(records, messageLimit: messageLimit).makeIterator()
        return prepared.map { job in
            job.flatMap { id, record in
                switch deliveries.next() {
                case .success(let delivery):
                    let place = delivery.topicPartition
                    return .success(
                        EnqueuedJob(id: id, topic: place.topic, partition: place.partition, offset: delivery.offset)
                    )
                case .failure(let error): return .failure(explain(error, record))
                case nil: return .failure(CancellationError())
                }
            }
        }
    }

    private func explain(_ error: KafkaError, _ record: ProducerRecord) -> any Error {
        guard error.isTooLarge else { return error }
        let limit =
            record.size > messageLimit
            ? "the client's message.max.bytes is \(messageLimit)"
            : "the topic's max.message.bytes, or its broker's message.max.bytes, is less"
        return InputError(
            "a payload of \(record.value?.count ?? 0) bytes is too large for \(record.topic): \(limit). "
                + "Enqueue where the data is, such as an id or a path, not the data"
        )
    }
}
