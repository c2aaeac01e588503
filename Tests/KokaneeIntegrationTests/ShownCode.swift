import Kokanee
import RdKafka

/// Code that README shows, so that it is built; `ExamplesTests` holds the two side by side.
enum ShownCode {
    struct HashFile: Job {
        static let type = "file.hash"
        var path: String

        func perform(_ context: JobContext) async throws {}
    }

    static func enqueue() async throws {
        let kafka = ClientConfiguration(bootstrapServers: "localhost:9092")
        let queue = try Queue("files")
        let client = try JobClient(kafka)
        let job = try await client.enqueue(HashFile(path: "/etc/hosts"), to: queue, delay: .seconds(10))
        print("\(job.id) stands at \(job.topic)/\(job.partition)/\(job.offset)")
        await client.close()
    }

    static func work(_ queue: Queue, _ kafka: ClientConfiguration) async throws {
        var jobs = JobRegistry()
        try jobs.register(HashFile.self)
        var configuration = WorkerConfiguration()
        configuration.concurrency = 8
        let worker = Worker(queues: [queue], jobs: jobs, configuration: configuration, client: kafka)
        try await worker.run()
    }
}
