internal import RdKafka
internal import Synchronization

/// Reads the state topic of one queue for those who await the ends of its jobs: one follower, which begins when the first
/// one asks.
final class ResultDesk: Sendable {
    private struct Waiter {
        let id: String
        let answer: FirstResult<JobState>
        /// The newest of its ends, as long as newer ones may stand in what is still to be read.
        var newest: JobState?
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
        /// Whether the follower has come to where the topic ended when it began.
        var hasCaughtUp = false
        /// Why the topic can't be read, where nothing has been since.
        var trouble: KafkaError?
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

    /// Whether all has been read that the topic had when it was first asked for, or again.
    var hasCaughtUp: Bool { state.withLock(\.hasCaughtUp) }

    /// Waits for a job's end.
    ///
    /// - Parameter partition: where the job is; nil where that is not known.
    /// - Throws: ``ResultError`` of code `timedOut`; `CancellationError`; ``KafkaError`` where this client may not read the
    ///   topic, or librdkafka refuses a property.
    func ending(of id: String, partition: Int32?, within limit: Duration) async throws -> JobState {
        let answer = FirstResult<JobState>()
        let (number, known) = state.withLock { state -> (UInt64, JobState?) in
            let known = state.book[id].flatMap { $0.ending == nil ? nil : $0 }
            if state.hasCaughtUp, let known { return (0, known) }
            state.lastWaiter += 1
            state.waiters[state.lastWaiter] = Waiter(id: id, answer: answer, newest: known)
            return (state.lastWaiter, nil)
        }
        if let known { return known }
        defer { state.withLock { $0.waiters[number] = nil } }
        try follow(partition, for: id)
        let timer = Task {
            try await Task.sleep(for: limit)
            // All partitions may not have been read by then, but what is known of this one's job is.
            let (newest, trouble) = state.withLock { ($0.waiters[number]?.newest, $0.trouble) }
            answer.set(newest.map { .success($0) } ?? .failure(Self.timeout(id, limit, trouble)))
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
            // A reading that is under way ends first, of all partitions: those who ask meanwhile would each have it begin
            // again, for ever.
            guard !isRead || state.hasCaughtUp && state.book.hasForgotten(id) else { return nil }
            // Who asks for jobs of a second partition asks for those of a third.
            return try restart(&state, partitions: state.follower == nil ? partition.map { [$0] } : nil)
        }
        former?.stop()
    }

    /// Reads the topic from its start; returns the follower that is to be stopped.
    private func restart(_ state: inout State, partitions: Set<Int32>?) throws(KafkaError) -> TopicFollower? {
        let former = state.follower
        let generation = state.generation + 1
        state.follower = try TopicFollower(
            topic,
            partitions: partitions,
            configuration: configuration,
            failed: { [weak self] error in self?.note(error, generation) },
            caughtUp: { [weak self] in self?.noteCaughtUp(generation) },
            each: { [weak self] record in self?.take(record, generation) }
        )
        state.generation = generation
        state.partitions = partitions
        state.book = ResultBook(mostBytes: mostBytes)
        state.hasCaughtUp = false
        state.trouble = nil
        for number in state.waiters.keys { state.waiters[number]?.newest = nil }
        return former
    }

    /// On the follower's thread: who has asked for what was read and let go before is read for once more.
    private func noteCaughtUp(_ generation: Int) {
        let (former, told) = state.withLock { state -> (TopicFollower?, [(FirstResult<JobState>, JobState)]) in
            guard state.generation == generation else { return (nil, []) }
            state.hasCaughtUp = true
            state.trouble = nil
            var told: [(FirstResult<JobState>, JobState)] = []
            for (number, waiter) in state.waiters {
                guard let newest = waiter.newest else { continue }
                told.append((waiter.answer, newest))
                state.waiters[number] = nil
            }
            guard state.waiters.values.contains(where: { state.book.hasForgotten($0.id) }) else { return (nil, told) }
            // The same properties have made a client before.
            return (try? restart(&state, partitions: state.partitions), told)
        }
        former?.stop()
        for (answer, state) in told { answer.set(.success(state)) }
    }

    /// On the follower's thread.
    private func take(_ record: Record, _ generation: Int) {
        guard let id = JobRecord.id(ofKey: record.key) else { return }
        let told = state.withLock { state -> [(FirstResult<JobState>, JobState)] in
            guard state.generation == generation else { return [] }
            state.trouble = nil
            let taken = state.book.take(id: id, value: record.value, partition: record.partition)
            guard let news = taken else {
                // It was sent back, and has left nothing since.
                if record.value == nil, !state.hasCaughtUp {
                    for (number, waiter) in state.waiters where waiter.id == id { state.waiters[number]?.newest = nil }
                }
                return []
            }
            let told = state.waiters.filter { $0.value.id == id }
            guard state.hasCaughtUp else {
                for number in told.keys { state.waiters[number]?.newest = news.ending == nil ? nil : news }
                return []
            }
            guard news.ending != nil else { return [] }
            // They wait no more, and need no second reading.
            for number in told.keys { state.waiters[number] = nil }
            return told.values.map { ($0.answer, news) }
        }
        for (answer, news) in told { answer.set(.success(news)) }
    }

    /// On the follower's thread.
    private func note(_ trouble: KafkaError, _ generation: Int) {
        let (former, refused) = state.withLock { state -> (TopicFollower?, [FirstResult<JobState>]) in
            guard state.generation == generation else { return (nil, []) }
            state.trouble = trouble
            guard trouble.code == .topicAuthorizationFailed else { return (nil, []) }
            // librdkafka may say it once: for who asks later the reading begins anew.
            defer {
                state.generation += 1
                state.follower = nil
                state.partitions = nil
                state.hasCaughtUp = false
                state.waiters = [:]
            }
            return (state.follower, state.waiters.values.map(\.answer))
        }
        former?.stop()
        for answer in refused { answer.set(.failure(trouble)) }
    }

    private static func timeout(_ id: String, _ limit: Duration, _ trouble: KafkaError?) -> ResultError {
        let reason =
            trouble.map { "the queue's state topic can't be read: \($0)" }
            ?? "it waits or goes on, stands in another queue, or left nothing, as jobs do that are enqueued without a "
            + "wish to keep their results and set none"
        return ResultError(
            code: .timedOut,
            id: id,
            message: "nothing was heard within \(limit.text) of the end of job \(SafeText.quoted(id)): \(reason)"
        )
    }
}
