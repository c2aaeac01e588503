public import RdKafka
internal import Synchronization

/// A job that all in-sync replicas have.
public struct EnqueuedJob: Sendable, Hashable {
    public var id: String { jobID.text }
    private let jobID: JobID
    public let topic: String
    public let partition: Int32
    public let offset: Int64

    init(id: JobID, topic: String, at place: (partition: Int32, offset: Int64)) {
        jobID = id
        self.topic = topic
        partition = place.partition
        offset = place.offset
    }
}

/// Enqueues jobs.
///
/// A delayed job goes to the queue's main topic too; the worker takes it down the ladder until it is due.
public final class JobClient: Sendable {
    private let producer: Producer
    /// For jobs that may have been refused for the sake of others in their batches; made when there is one.
    private let unbatched = Mutex<(producer: Producer?, isClosed: Bool)>((nil, false))
    private let source: String
    let codec: any PayloadCodec
    private let messageLimit: Int
    let now: @Sendable () -> Int64
    /// For consumers that await results; nil where that was not given.
    let reading: ClientConfiguration?
    /// Nil where ``reading`` is.
    private let priorities: PriorityTopics?
    /// By state topic; made when somebody asks.
    let desks = Mutex<[String: ResultDesk]>([:])
    private let middleware: [any EnqueueMiddleware]
    private let payloads: PayloadWatch

    /// - Parameters:
    ///   - source: `ce_source` of the jobs, a URI reference that says who enqueues them.
    ///   - codec: encodes the payloads of ``Job`` types.
    ///   - middleware: what is done around every enqueueing, the first outermost.
    ///   - payloads: how large they may be.
    ///   - logger: is told of large payloads.
    /// - Throws: ``KafkaError`` where librdkafka refuses a property; ``InputError`` for the source.
    public convenience init(
        _ configuration: ClientConfiguration,
        source: String = "kokanee",
        codec: any PayloadCodec = .json,
        middleware: [any EnqueueMiddleware] = [],
        payloads: PayloadLimits = PayloadLimits(),
        logger: Logger = .disabled
    ) throws {
        try self.init(
            producer: try Producer(configuration),
            source: source,
            codec: codec,
            messageLimit: configuration.properties["message.max.bytes"].flatMap { Int($0) } ?? 1_000_000,
            reading: configuration,
            middleware: middleware,
            payloads: payloads,
            logger: logger
        )
    }

    /// Enqueues through a producer that others use as well.
    ///
    /// - Parameters:
    ///   - messageLimit: the producer's `message.max.bytes`, for the words of an error.
    ///   - reading: how to reach the same brokers in order to await results and to cancel jobs; nil is that nobody does.
    ///   - now: milliseconds since the epoch.
    ///
    /// Without `reading`, whether the topic of a priority is there is for the brokers to say.
    public init(
        producer: Producer,
        source: String = "kokanee",
        codec: any PayloadCodec = .json,
        messageLimit: Int = 1_000_000,
        reading: ClientConfiguration? = nil,
        middleware: [any EnqueueMiddleware] = [],
        payloads: PayloadLimits = PayloadLimits(),
        logger: Logger = .disabled,
        now: @escaping @Sendable () -> Int64 = { Timestamp.now }
    ) throws {
        try NewJob.validate("source", source)
        self.producer = producer
        self.source = source
        self.codec = codec
        self.messageLimit = messageLimit
        self.reading = reading
        priorities = reading.map { PriorityTopics($0) }
        self.middleware = middleware
        self.payloads = PayloadWatch(payloads, messageLimit: messageLimit, logger: logger)
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
        priority: Priority = .normal,
        delay: Duration? = nil,
        at: Int64? = nil,
        expiresAfter: Duration? = nil,
        idempotencyKey: String? = nil,
        idempotencyWindow: Duration? = nil,
        keepResult: Duration? = nil
    ) async throws -> EnqueuedJob {
        var new = try NewJob(job, codec: codec)
        new.key = key
        new.id = id
        new.priority = priority
        new.delay = delay
        new.at = at
        new.expiresAfter = expiresAfter
        new.idempotencyKey = idempotencyKey
        new.keepResult = keepResult
        new.idempotencyWindow = idempotencyWindow
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
        var encoded: [NewJob] = []
        encoded.reserveCapacity(jobs.count)
        var refused: [Int: any Error] = [:]
        for (index, job) in jobs.enumerated() {
            do {
                encoded.append(try NewJob(job, codec: codec))
            } catch {
                refused[index] = error
            }
        }
        return Self.merge(await enqueue(encoded, to: queue), refused)
    }

    /// As ``enqueue(_:to:)-([Job],_)``, with key, delay and the rest for each job.
    public func enqueue(_ jobs: [NewJob], to queue: Queue) async -> [Result<EnqueuedJob, any Error>] {
        guard queue.replay == nil else {
            let refusal = InputError(
                "\(queue.name) is a replay, which runs what its plan says; new jobs go to \(queue.mainTopic)"
            )
            return jobs.map { _ in .failure(refusal) }
        }
        let trace = TraceContext.current
        guard !middleware.isEmpty || trace != nil else { return await send(jobs, to: queue) }
        var traced = jobs
        if let trace {
            for index in traced.indices where traced[index].traceparent == nil { traced[index].traceContext = trace }
        }
        return await middleware.around(traced, to: queue) { await send($0, to: queue) }
    }

    private func send(_ jobs: [NewJob], to queue: Queue) async -> [Result<EnqueuedJob, any Error>] {
        let stamp = EnqueueStamp(source: source, now: now())
        var refused: [Int: any Error] = [:]
        jobs.withUnsafeBufferPointer { jobs in
            var checkedType: String?
            var checkedContentType: String?
            for index in jobs.indices {
                let job = jobs.baseAddress! + index
                do {
                    // Most calls have jobs of one type.
                    if job.pointee.type != checkedType {
                        try NewJob.validate("job type", job.pointee.type)
                        checkedType = job.pointee.type
                    }
                    if job.pointee.contentType != checkedContentType {
                        if let contentType = job.pointee.contentType { try NewJob.check(contentType: contentType) }
                        checkedContentType = job.pointee.contentType
                    }
                    try job.pointee.check(at: stamp.now)
                    let size = (job.pointee.payload?.count ?? 0) + (job.pointee.key?.count ?? 0)
                    if payloads.isNotable(size) { try payloads.look(at: job.pointee, size: size, queue: queue) }
                } catch {
                    refused[index] = error
                }
            }
        }
        if let priorities, jobs.indices.contains(where: { !jobs[$0].priority.isNormal }) {
            for (index, error) in await priorities.missing(jobs.map(\.priority), of: queue) { refused[index] = error }
        }
        let accepted = refused.isEmpty ? jobs : jobs.indices.filter { refused[$0] == nil }.map { jobs[$0] }
        guard !accepted.isEmpty else { return Self.merge([], refused) }
        let batch = JobBatch(accepted, to: queue, stamp: stamp)
        return Self.merge(await send(batch), refused)
    }

    /// Waits until all is acknowledged, `limit` at most, and ends the producer, also one that was given.
    public func close(within limit: Duration = .seconds(30)) async {
        for desk in desks.withLock({ Array($0.values) }) { desk.close() }
        let unbatched = unbatched.withLock { unbatched in
            unbatched.isClosed = true
            return unbatched.producer
        }
        async let other: Void? = unbatched?.close(within: limit)
        await producer.close(within: limit)
        await other
    }

    private func send(_ batch: JobBatch) async -> [Result<EnqueuedJob, any Error>] {
        let settled = await producer.send(batch)
        var results: [Result<EnqueuedJob, any Error>] = []
        results.reserveCapacity(batch.count)
        for index in 0..<batch.count {
            guard let place = settled.place(of: index) else { return await resend(batch, after: settled) }
            results.append(.success(EnqueuedJob(id: batch.id(of: index), topic: batch.topic(of: index), at: place)))
        }
        return results
    }

    /// What became of jobs of which some failed, once those that failed for their neighbours are sent again.
    private func resend(_ batch: JobBatch, after settled: SettledBatch) async -> [Result<EnqueuedJob, any Error>] {
        var results = (0..<batch.count).map { settled.result($0) }
        func isRefused(_ index: Int) -> Bool {
            guard case .failure(let error) = results[index] else { return false }
            // What is larger than that never left the client.
            return error.isTooLarge && batch.size(of: index) <= messageLimit
        }
        await Bisection.resend(results.indices.filter(isRefused)) { part in
            // Jobs of other calls may be in a single one's batch as well.
            let sender = part.count == 1 ? unbatchedProducer ?? producer : producer
            let again = await sender.send(JobBatchPart(part, of: batch))
            for (position, index) in part.enumerated() { results[index] = again.result(position) }
            return part.filter(isRefused)
        }
        return results.enumerated().map { index, result in
            switch result {
            case .success(let delivery):
                let place = (delivery.topicPartition.partition, delivery.offset)
                return .success(EnqueuedJob(id: batch.id(of: index), topic: batch.topic(of: index), at: place))
            case .failure(let error):
                return .failure(explain(error, batch, index))
            }
        }
    }

    /// Nil where the client is closed, or the process has no room for another one.
    private var unbatchedProducer: Producer? {
        unbatched.withLock { unbatched in
            if unbatched.producer == nil, !unbatched.isClosed { unbatched.producer = try? producer.makeUnbatched() }
            return unbatched.producer
        }
    }

    /// The results of what was sent with the errors of what was not between them, each at its index.
    static func merge(
        _ sent: [Result<EnqueuedJob, any Error>],
        _ refused: [Int: any Error]
    ) -> [Result<EnqueuedJob, any Error>] {
        guard !refused.isEmpty else { return sent }
        var rest = sent.makeIterator()
        return (0..<sent.count + refused.count).map { index in
            refused[index].map { .failure($0) } ?? rest.next() ?? .failure(CancellationError())
        }
    }

    private func explain(_ error: KafkaError, _ batch: JobBatch, _ index: Int) -> any Error {
        guard error.isTooLarge else { return error }
        let limit =
            batch.size(of: index) > messageLimit
            ? "the client's message.max.bytes is \(messageLimit)"
            : "the topic's max.message.bytes, or its broker's message.max.bytes, is less, or the client's "
                + "queue.buffering.max.kbytes"
        return InputError(
            "a payload of \(batch.payloadSize(of: index)) bytes is too large for \(batch.topic(of: index)): \(limit). "
                + PayloadLimits.advice
        )
    }
}
