internal import RdKafka

/// A record of a queue's state topic: what a job leaves for later attempts and for others.
///
/// It stands in the partition that has the job's number, so that whoever owns the one reads and writes the other. Of a key
/// the newest value counts.
struct StateRecord: Sendable, Equatable {
    let key: Bytes
    /// Nil takes the entry away.
    let value: Bytes?
    /// Where it stands instead, if it is not about the job but about something that has one place in the queue.
    var partition: Int32?
    /// What is written in the value's place where the topic refuses that as too large; nil takes the entry away.
    var fallback: Bytes?

    /// Without what the topic has refused.
    var smaller: StateRecord { StateRecord(key: key, value: fallback, partition: partition) }

    func record(topic: String, partition: Int32) -> ProducerRecord {
        ProducerRecord(topic: topic, partition: self.partition ?? partition, key: key, value: value)
    }
}
