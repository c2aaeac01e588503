internal import CRdKafka

/// An idempotent producer: every record handed to it is acknowledged by all in-sync replicas, or fails with an error.
///
/// Records of one partition keep the order in which they were handed over. Where librdkafka's queue is full they wait
/// here, in order, for room; nothing is dropped, and nothing waits longer than `delivery.timeout.ms` (5 minutes
/// unless configured) once librdkafka has it. After a fatal error the client is made anew and what was not
/// acknowledged is produced again, so that a record may then stand twice in the log.
///
/// Unless the configuration says otherwise: `linger.ms` 5, `partitioner` `murmur2_random` (Java's, so that a key has
/// the same partition whoever writes it), at most 128 MiB buffered, or twice `message.max.bytes` if that is more.
/// `enable.idempotence` and `acks=all` always hold.
public final class Producer: Sendable {
    public typealias Completion = @Sendable (Result<Delivery, KafkaError>) -> Void

    private let core: ProducerCore

    /// - Throws: ``KafkaError`` with `localInvalidArgument` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration) throws(KafkaError) {
        let largest = configuration.properties["message.max.bytes"].flatMap { Int($0) } ?? 0
        core = try ProducerCore(
            configuration.with(
                defaults: [
                    "linger.ms": "5",
                    "partitioner": "murmur2_random",
                    "queue.buffering.max.kbytes": "\(min(max(131_072, largest / 512), 2_147_483_647))",
                ],
                required: [
                    "enable.idempotence": "true",
                    "acks": "all",
                    // A record of whose acknowledgement nobody hears is waited for for ever.
                    "delivery.report.only.error": "false",
                ]
            )
        )
        core.startPolling()
    }

    deinit {
        core.stop()
    }

    /// Another producer of the same properties, each of whose records is alone in its batch, whoever else produces: what
    /// brokers say to a batch is said to the record.
    package func makeUnbatched() throws(KafkaError) -> Producer {
        try Producer(core.configuration.with(required: ["batch.num.messages": "1"]))
    }

    /// Produces a record and awaits its acknowledgement.
    public func send(_ record: ProducerRecord) async throws(KafkaError) -> Delivery {
        let result = await withCheckedContinuation { continuation in
            core.produce(PendingRecord(record) { continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    /// Produces records and awaits all their acknowledgements; the results are in the records' order.
    public func send(_ records: [ProducerRecord]) async -> [Result<Delivery, KafkaError>] {
        guard !records.isEmpty else { return [] }
        let settled = await send(RecordArray(records))
        return (0..<settled.count).map(settled.result)
    }

    /// As ``send(_:)-([ProducerRecord])``, of records that are made one by one as librdkafka takes them; not of none.
    package func send(_ source: any RecordSource) async -> SettledBatch {
        precondition(source.count > 0)
        return await withCheckedContinuation { continuation in
            core.produce(PendingBatch(source) { continuation.resume(returning: $0) })
        }
    }

    /// Produces a record and returns at once; `completion` is called once, on the producer's thread, and must not block.
    ///
    /// Where the record is refused at once it is called before this returns, on the caller's thread.
    /// Who calls this without waiting for completions bounds by himself what is in flight; ``unacknowledged`` tells.
    public func produce(_ record: ProducerRecord, _ completion: @escaping Completion) {
        core.produce(PendingRecord(record, completion))
    }

    /// As ``produce(_:_:)``, of a record by whose waiting ``pulse(now:)`` is not to be measured.
    package func produceInPassing(_ record: ProducerRecord, _ completion: @escaping Completion) {
        core.produce(PendingRecord(record, completion), isMinded: false)
    }

    /// As ``produceInPassing(_:_:)-(ProducerRecord,_)``, of several records, of which one completion tells; not of none.
    package func produceInPassing(_ records: [ProducerRecord], _ completion: @escaping @Sendable (SettledBatch) -> Void)
    {
        precondition(!records.isEmpty)
        core.produce(PendingBatch(RecordArray(records), whenSettled: completion), isMinded: false)
    }

    /// Produces records that are made one by one as librdkafka takes them, and returns at once; not none.
    ///
    /// - Parameter receiver: told of each record, once.
    package func produce(_ source: any RecordSource, telling receiver: any DeliveryReceiver) {
        precondition(source.count > 0)
        core.produce(PendingEach(source, telling: receiver))
    }

    /// How the producer is, asked for without waiting for any lock of its.
    package func pulse(now: ContinuousClock.Instant) -> ProducerPulse {
        core.pulse(now: now)
    }

    /// Records handed over and neither acknowledged nor failed.
    public var unacknowledged: Int { core.unacknowledged }

    /// Waits until all is acknowledged, `limit` at most, and ends; what is left then fails with `localDestroyed`.
    ///
    /// That is sent no more; what was on its way to a broker may stand in the log all the same.
    /// Later records fail at once. Calling it again is harmless.
    public func close(within limit: Duration = .seconds(30)) async {
        await core.close(within: limit)
    }
}
