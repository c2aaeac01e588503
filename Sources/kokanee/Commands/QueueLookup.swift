internal import Kokanee
internal import RdKafka

/// Finds out what `status` and `top` tell of a queue.
struct QueueLookup: Sendable {
    static let options: [Option] = [
        .value("group", "GROUP", "the consumer group of the queue", default: "kokanee.QUEUE"),
        .value("stalled-after", "D", "how long a watermark may stand still while there is work", default: "60s"),
    ]

    private let client: ClientConfiguration
    private let reader: StatusReader
    private let stalledAfter: Duration
    private let console: Console

    /// - Parameter console: is told what can't be read beside the status.
    init(_ client: ClientConfiguration, stalledAfter: Duration, console: Console) throws(KafkaError) {
        self.client = client
        self.stalledAfter = stalledAfter
        self.console = console
        reader = try StatusReader(client)
    }

    /// All queues of the cluster, by name.
    func queues() async throws -> [Queue] {
        try await reader.queues().map { try Queue($0) }
    }

    func look(at queue: Queue) async throws -> (status: QueueStatus, report: StatusReport) {
        let status = try await reader.status(of: queue, stalledAfter: stalledAfter)
        return (status, StatusReport(status, replays: try await replays(of: queue, status)))
    }

    /// Whether other queues may well be read where one has failed so.
    static func isOfOneQueue(_ error: any Error) -> Bool {
        !(error is CancellationError) && (error as? KafkaError)?.meansNoBroker != true
    }

    /// None where they can't be read: the rest is told all the same.
    private func replays(of queue: Queue, _ status: QueueStatus) async throws -> [RunningReplay] {
        do {
            return try await RunningReplay.all(of: queue, client, console)
        } catch let error as KafkaError {
            // Of the same topic's reports the status says so itself.
            if status.reportFailure == nil { console.say("the replays of \(queue.name) can't be read: \(error)") }
            return []
        }
    }
}
