import RdKafka

@testable import Kokanee

extension WorkerFixture {
    /// Enqueues events, whose ids are their numbers from 0 up.
    func enqueue(
        type: String,
        version: Int = 1,
        count: Int = 1,
        topic: String? = nil,
        partition: Int32 = 0,
        headers: [Header] = []
    ) async throws {
        let events = (0..<count).map { (type: type, id: "\($0)") }
        try await enqueue(
            events,
            value: "{}",
            version: version,
            topic: topic,
            partition: partition,
            headers: headers
        )
    }

    /// Enqueues events of types and ids.
    ///
    /// - Parameter value: of all of them; nil is each one's id.
    func enqueue(
        _ events: [(type: String, id: String)],
        value: Bytes? = nil,
        version: Int = 1,
        topic: String? = nil,
        partition: Int32 = 0,
        headers: [Header] = []
    ) async throws {
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let records = events.map { event in
            ProducerRecord(
                topic: topic ?? queue.mainTopic,
                partition: partition,
                value: value ?? Bytes(event.id),
                headers: [
                    Header("ce_specversion", "1.0"), Header("ce_id", Bytes(event.id)),
                    Header("ce_type", Bytes(event.type)), Header("ce_source", "/s"),
                    Header("ce_dataschemaversion", Bytes("\(version)")),
                ] + headers
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }

    /// A worker of some jobs, which no circuit stops unless the test wants it.
    func worker(
        _ jobs: JobRegistry,
        logger: Logger = .disabled,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) -> Worker {
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configuration.revocationLimit = .seconds(2)
        configuration.circuit = nil
        configure(&configuration)
        return Worker(queues: [queue], jobs: jobs, configuration: configuration, client: client, logger: logger)
    }

    /// The dead letters, as they are read.
    func letters() async throws -> [DecodedDeadLetter] {
        try await records(of: queue.deadLetterTopic).map { Envelope.decodeDeadLetter($0, defaultType: "default") }
    }
}

extension Record {
    /// The last header of the name, as text.
    func text(_ name: String) -> String? { headers.last { $0.name == name }?.value?.text }
}
