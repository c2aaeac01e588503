internal import RdKafka

extension ClientConfiguration {
    /// In milliseconds: what the members of a queue's group have, 15 s unless `session.timeout.ms` is set. A worker that died is
    /// found out after it.
    var sessionTimeout: Int64 { properties["session.timeout.ms"].flatMap { Int64($0) } ?? 15_000 }
}
