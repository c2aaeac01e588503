/// What a consumer tells its owner.
public enum ConsumerEvent: Sendable {
    /// The group gave these partitions: answer with ``Consumer/assign(_:)``.
    case assigned([TopicPartition])
    /// The group takes these partitions back: finish and commit, then call ``Consumer/unassign()``.
    case revoked([TopicPartition])
    /// These partitions are somebody else's already: no commit will be accepted. Call ``Consumer/unassign()``.
    case lost([TopicPartition])
    /// What became of the ``Consumer/commit(_:tag:)`` of that tag.
    case committed(tag: Int, Result<[TopicPartition], KafkaError>)
    /// A record that reached the consumer before its partition's queue was split off. It counts like any other.
    case record(Record)
    /// What librdkafka reports on its own: connections, authorisation, a group that can't be joined.
    case failed(KafkaError)
}
