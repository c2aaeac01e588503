internal import RdKafka
internal import Synchronization

/// What the jobs of one queue produce together with their completion, in this worker. Made where a type does so.
final class QueueOutputs: Sendable {
    private struct State {
        var desks: [Int32: OutputDesk] = [:]
        /// Of the partitions that are assigned: the eras that acknowledged commits have named.
        var eras: [TopicPartition: String] = [:]
        var waiting: [TopicPartition: [CheckedContinuation<Void, Never>]] = [:]
        /// What is assigned; nil between assignments, where nobody knows what comes back.
        var assigned: Set<TopicPartition>?

        /// Whether the era of a partition will be named, or may be.
        func mayBegin(_ partition: TopicPartition) -> Bool { assigned?.contains(partition) ?? true }

        /// Those who wait for what does not come.
        mutating func takeStranded() -> [CheckedContinuation<Void, Never>] {
            let stranded = waiting.keys.filter { !mayBegin($0) }
            return stranded.flatMap { waiting.removeValue(forKey: $0) ?? [] }
        }
        /// Makes the desk of a partition number; nil before the worker has begun.
        var makeDesk: (@Sendable (Int32) -> OutputDesk)?
    }

    private let state = Mutex(State())

    /// Whether attempts wait for the era of their partition.
    var isAwaited: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// To be called once, before any job runs.
    func open(_ runtime: QueueRuntime, _ engine: Engine, _ client: ClientConfiguration) {
        state.withLock { state in
            state.makeDesk = { [unowned runtime, unowned engine] partition in
                OutputDesk(runtime, engine, client, partition: partition)
            }
        }
    }

    /// These partitions are assigned, and no others; none are once the worker ends.
    func begin(_ partitions: [TopicPartition]) {
        let stranded = state.withLock { state in
            state.assigned = Set(partitions)
            return state.takeStranded()
        }
        for continuation in stranded { continuation.resume() }
    }

    /// The assignment is over. What runs of it may go on in the next one.
    func end() {
        state.withLock { $0.assigned = nil }
    }

    /// A commit that names the era has been acknowledged, of a partition that is assigned.
    func note(era: String, of partition: TopicPartition) {
        let waiting = state.withLock { state in
            state.eras[partition] = era
            return state.waiting.removeValue(forKey: partition) ?? []
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Partitions are another's from now on, or begin a new epoch here.
    func letGo(_ partitions: some Sequence<TopicPartition>) {
        let (desks, waiting) = state.withLock { state in
            var waiting: [CheckedContinuation<Void, Never>] = []
            var desks: [OutputDesk] = []
            for partition in partitions {
                state.eras[partition] = nil
                waiting += state.waiting.removeValue(forKey: partition) ?? []
                if let desk = state.desks[partition.partition] { desks.append(desk) }
            }
            return (desks, waiting)
        }
        for desk in desks { desk.letGo() }
        for continuation in waiting { continuation.resume() }
    }

    /// Whether the job's outputs are committed already, by an attempt whose worker did not live to commit its offset.
    func areCommitted(of content: JobContent) async throws -> OutputDesk.Answer {
        try await answer(content, records: nil, leavings: [])
    }

    /// - Parameter leavings: what the job is to leave in the queue's state: it stands if the outputs do.
    func commit(
        _ content: JobContent,
        _ records: [ProducerRecord],
        _ leavings: [StateRecord]
    ) async throws -> OutputDesk.Answer {
        try await answer(content, records: records, leavings: leavings)
    }

    private func answer(
        _ content: JobContent,
        records: [ProducerRecord]?,
        leavings: [StateRecord]
    ) async throws -> OutputDesk.Answer {
        let partition = content.message.source.topicPartition
        guard let era = await era(of: partition) else { return .gone }
        let desk: OutputDesk? = state.withLock { state in
            if let desk = state.desks[partition.partition] { return desk }
            let desk = state.makeDesk?(partition.partition)
            state.desks[partition.partition] = desk
            return desk
        }
        guard let desk else { return .gone }
        return try await desk.answer(.init(content: content, era: era, records: records, leavings: leavings))
    }

    /// Waits for the commit that names the partition's era; nil where the partition was let go meanwhile, or before that
    /// and has not come back.
    private func era(of partition: TopicPartition) async -> String? {
        if let era = state.withLock({ $0.eras[partition] }) { return era }
        await withCheckedContinuation { continuation in
            let isKnown = state.withLock { state in
                if state.eras[partition] != nil || !state.mayBegin(partition) { return true }
                state.waiting[partition, default: []].append(continuation)
                return false
            }
            if isKnown { continuation.resume() }
        }
        return state.withLock { $0.eras[partition] }
    }
}
