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
        let producer = try Producer(ClientConfiguration(bootstrapServers: broker.bootstrapServers))
        let records = (0..<count).map { index in
            ProducerRecord(
                topic: topic ?? queue.mainTopic,
                partition: partition,
                value: "{}",
                headers: [
                    Header("ce_specversion", "1.0"), Header("ce_id", Bytes("\(index)")), Header("ce_type", Bytes(type)),
                    Header("ce_source", "/s"), Header("ce_dataschemaversion", Bytes("\(version)")),
                ] + headers
            )
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.close()
    }

    func worker(
        _ jobs: JobRegistry,
        logger: Logger = .disabled,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) -> Worker {
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configuration.revocationLimit = .seconds(2)
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
