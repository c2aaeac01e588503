internal import RdKafka

/// A record of a queue's state topic: what a job leaves for later attempts and for others.
///
/// It stands in the partition that has the job's number, so that whoever owns the one reads and writes the other. Of a key
/// the newest value counts.
struct StateRecord: Sendable, Equatable {
    let key: Bytes
    /// Nil takes the entry away.
    let value: Bytes?
    /// What is written in the value's place where the topic refuses that as too large; nil takes the entry away.
    var fallback: Bytes?

    /// Without what the topic has refused.
    var smaller: StateRecord { StateRecord(key: key, value: fallback) }

    func record(topic: String, partition: Int32) -> ProducerRecord {
        ProducerRecord(topic: topic, partition: partition, key: key, value: value)
    }
}
