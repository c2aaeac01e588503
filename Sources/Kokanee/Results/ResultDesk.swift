internal import RdKafka
internal import Synchronization

/// Reads the state topic of one queue for those who await the ends of its jobs: one follower, which begins when the first
/// one asks.
final class ResultDesk: Sendable {
    private struct Waiter {
        let id: String
        let answer: FirstResult<JobState>
    }

    private struct State {
        var book: ResultBook
        var waiters: [UInt64: Waiter] = [:]
        var lastWaiter: UInt64 = 0
        var follower: TopicFollower?
        /// Which partitions that reads; nil is all.
        var partitions: Set<Int32>?
        /// Of followers: what an earlier one still says counts for nothing.
        var generation = 0
        var isClosed = false
    }

    private let topic: String
    private let configuration: ClientConfiguration
    private let mostBytes: Int
    private let state: Mutex<State>

    /// - Parameter mostBytes: of what is known; what finds no room is read again for who asks for it.
    init(topic: String, configuration: ClientConfiguration, mostBytes: Int = ResultBook.usualSize) {
        self.topic = topic
        self.configuration = configuration
        self.mostBytes = mostBytes
        state = Mutex(State(book: ResultBook(mostBytes: mostBytes)))
    }

    /// Waits for a job's end.
    ///
    /// - Parameter partition: where the job is; nil where that is not known.
    /// - Throws: ``ResultError`` of code `timedOut`; `CancellationError`; ``KafkaError`` where librdkafka refuses a property.
    func ending(of id: String, partition: Int32?, within limit: Duration) async throws -> JobState {
        let answer = FirstResult<JobState>()
        let (number, known) = state.withLock { state -> (UInt64, JobState?) in
            if let known = state.book[id], known.ending != nil { return (0, known) }
            state.lastWaiter += 1
            state.waiters[state.lastWaiter] = Waiter(id: id, answer: answer)
            return (state.lastWaiter, nil)
        }
        if let known { return known }
        defer { state.withLock { $0.waiters[number] = nil } }
        try follow(partition, for: id)
        let timer = Task {
            try await Task.sleep(for: limit)
            answer.set(.failure(Self.timeout(id, limit)))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await answer.value()
        } onCancel: {
            answer.set(.failure(CancellationError()))
        }
    }

    func close() {
        let (waiters, follower) = state.withLock { state in
            defer {
                state.isClosed = true
                state.generation += 1
                state.waiters = [:]
                state.follower = nil
            }
            return (state.waiters.values.map(\.answer), state.follower)
        }
        follower?.stop()
        for waiter in waiters { waiter.set(.failure(CancellationError())) }
    }

    /// Sees to it that the partition is read, from its start if it has not been.
    private func follow(_ partition: Int32?, for id: String) throws {
        let former = try state.withLock { state -> TopicFollower? in
            guard !state.isClosed else { throw CancellationError() }
            let isRead =
                if let partitions = state.partitions {
                    partition.map(partitions.contains) ?? false
                } else {
                    state.follower != nil
                }
            guard !isRead || state.book.hasForgotten(id) else { return nil }
            let former = state.follower
            // Who asks for jobs of a second partition asks for those of a third.
            state.partitions = former == nil ? partition.map { [$0] } : nil
            state.generation += 1
            state.book = ResultBook(mostBytes: mostBytes)
            let generation = state.generation
            state.follower = try TopicFollower(topic, partitions: state.partitions, configuration: configuration) {
                [weak self] record in self?.take(record, generation)
            }
            return former
        }
        former?.stop()
    }

    /// On the follower's thread.
    private func take(_ record: Record, _ generation: Int) {
        guard let id = JobRecord.id(ofKey: record.key) else { return }
        let told = state.withLock { state -> [(FirstResult<JobState>, JobState)] in
            guard state.generation == generation,
                let news = state.book.take(id: id, value: record.value, partition: record.partition),
                news.ending != nil
            else { return [] }
            return state.waiters.values.filter { $0.id == id }.map { ($0.answer, news) }
        }
        for (answer, news) in told { answer.set(.success(news)) }
    }

    private static func timeout(_ id: String, _ limit: Duration) -> ResultError {
        ResultError(
            code: .timedOut,
            id: id,
            message: "nothing was heard within \(limit.text) of the end of job \(SafeText.quoted(id)): it goes on, was "
                + "enqueued to another queue, or left nothing; enqueue it with keepResult to hear of it in any case"
        )
    }
}
