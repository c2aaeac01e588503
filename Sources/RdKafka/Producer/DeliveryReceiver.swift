/// Who is told of each of the records that he has handed over together, as soon as its fate is known.
package protocol DeliveryReceiver: AnyObject, Sendable {
    /// Tells of records that were settled at the same moment, also of different sources; of each record once.
    ///
    /// On the producer's thread, which it must not block; on the caller's, before `produce` returns, where the producer
    /// is closed.
    func settled(_ records: [SettledRecord])
}

/// A record that is acknowledged or has failed.
package struct SettledRecord: Sendable {
    package let source: any RecordSource
    /// The record's, in its source.
    package let index: Int
    /// Nil where it is acknowledged.
    package let error: KafkaError?
    /// Where it stands in its partition; negative where that is not known.
    package let offset: Int64
    /// Of an acknowledged record, as ``Delivery`` has it.
    package let timestamp: Int64
    package let timestampType: Record.TimestampType
}
