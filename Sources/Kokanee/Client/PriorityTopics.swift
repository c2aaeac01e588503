internal import RdKafka
internal import Synchronization

/// Knows which priorities' topics a cluster has: a job for one that is not there is refused before anything is sent,
/// where many brokers would make a topic of their own that no worker reads in the queue's way.
final class PriorityTopics: Sendable {
    private struct State {
        var admin: AdminClient?
        var known: Set<String> = []
    }

    private let configuration: ClientConfiguration
    private let state = Mutex(State())

    init(_ configuration: ClientConfiguration) {
        self.configuration = configuration
    }

    /// The jobs that can't be enqueued, by their index, and why.
    func missing(_ priorities: [Priority], of queue: Queue) async -> [Int: any Error] {
        var failures: [Priority: any Error] = [:]
        for priority in Set(priorities) where priority != .normal {
            do {
                try await require(queue.topic(of: priority), of: queue, priority)
            } catch {
                failures[priority] = error
            }
        }
        guard !failures.isEmpty else { return [:] }
        var missing: [Int: any Error] = [:]
        for (index, priority) in priorities.enumerated() { missing[index] = failures[priority] }
        return missing
    }

    private func require(_ topic: String, of queue: Queue, _ priority: Priority) async throws {
        guard !state.withLock({ $0.known.contains(topic) }) else { return }
        let admin = try state.withLock { state throws in
            if let admin = state.admin { return admin }
            let admin = try AdminClient(configuration)
            state.admin = admin
            return admin
        }
        guard try await admin.metadata(topics: [topic]).partitions(of: topic) != nil else {
            throw Self.failure(queue, priority)
        }
        state.withLock { _ = $0.known.insert(topic) }
    }

    static func failure(_ queue: Queue, _ priority: Priority) -> InputError {
        InputError(
            "queue \(queue.name) has no \(priority.rawValue) priority: there is no topic \(queue.topic(of: priority)); "
                + "create it with: kokanee topics create \(queue.name) --priorities"
        )
    }
}
