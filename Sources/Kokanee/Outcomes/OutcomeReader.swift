internal import RdKafka

/// Reads the marks that workers have left in a queue's state topic.
struct OutcomeReader: Sendable {
    private let configuration: ClientConfiguration
    private let admin: AdminClient

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    init(_ configuration: ClientConfiguration) throws(KafkaError) {
        self.configuration = configuration
        admin = try AdminClient(configuration)
    }
}
