internal import RdKafka
internal import Synchronization

extension JobClient {
    /// Awaits a job's result.
    ///
    ///     let job = try await client.enqueue(Report(month: 11), to: queue, keepResult: .seconds(3600))
    ///     let report = try await client.result(of: job, as: ReportPlace.self, within: .seconds(60))
    ///
    /// The first call starts to read the queue's state topic, of the job's partition only; it goes on until the client is
    /// closed, for the calls that follow. A result that was there before is found, too.
    ///
    /// - Throws: ``ResultError`` where the job ended without a result, or did not within `limit`; what the codec throws;
    ///   ``KafkaError`` where the client may not read the state topic; ``InputError`` where the client can't read, see
    ///   ``init(producer:source:codec:messageLimit:reading:now:)``.
    public func result<Value: Decodable>(
        of job: EnqueuedJob,
        as type: Value.Type,
        within limit: Duration
    ) async throws -> Value {
        let desk = try desk(of: Queue.stateTopic(ofJobsIn: job.topic))
        return try value(of: try await desk.ending(of: job.id, partition: job.partition, within: limit))
    }

    /// As ``result(of:as:within:)``, where only the job's id is known: all partitions are read.
    ///
    /// Of several jobs of one id the one counts that ended last.
    public func result<Value: Decodable>(
        of id: String,
        in queue: Queue,
        as type: Value.Type,
        within limit: Duration
    ) async throws -> Value {
        try value(of: try await desk(of: queue.stateTopic).ending(of: id, partition: nil, within: limit))
    }

    /// Awaits a job's end, however it ends.
    ///
    /// - Throws: as ``result(of:as:within:)``, but for jobs that ended without a result.
    public func ending(of job: EnqueuedJob, within limit: Duration) async throws -> JobState {
        let desk = try desk(of: Queue.stateTopic(ofJobsIn: job.topic))
        return try await desk.ending(of: job.id, partition: job.partition, within: limit)
    }

    /// As ``ending(of:within:)``, by the job's id alone.
    public func ending(of id: String, in queue: Queue, within limit: Duration) async throws -> JobState {
        try await desk(of: queue.stateTopic).ending(of: id, partition: nil, within: limit)
    }

    /// What is known of a job now: its progress, its checkpoint, its end. Nil where it has left nothing yet, or nothing any
    /// more.
    ///
    /// It reads the state topic once, to its end; await an end with ``ending(of:in:within:)``.
    ///
    /// - Parameter limit: how long that may take.
    /// - Throws: ``ResultError`` of code `timedOut`; ``KafkaError`` and ``InputError`` as ``result(of:as:within:)``.
    public func state(of id: String, in queue: Queue, within limit: Duration = .seconds(30)) async throws -> JobState? {
        let answer = FirstResult<Void>()
        let shared = SharedBook()
        let trouble = Mutex<KafkaError?>(nil)
        let follower = try TopicFollower(
            queue.stateTopic,
            configuration: try readingConfiguration(),
            failed: { error in
                trouble.withLock { $0 = error }
                if error.code == .topicAuthorizationFailed { answer.set(.failure(error)) }
            },
            caughtUp: { answer.set(.success(())) },
            each: { record in
                guard JobRecord.id(ofKey: record.key) == id else { return }
                shared.take(id, record)
            }
        )
        defer { follower.stop() }
        let timer = Task {
            try await Task.sleep(for: limit)
            let reason = trouble.withLock(\.self).map { ": \($0)" } ?? ""
            let message = "\(queue.stateTopic) could not be read to its end within \(limit.text)\(reason)"
            answer.set(.failure(ResultError(code: .timedOut, id: id, message: message)))
        }
        defer { timer.cancel() }
        try await answer.value()
        return shared[id]
    }

    private func value<Value: Decodable>(of state: JobState) throws -> Value {
        let quoted = SafeText.quoted(state.id)
        func error(_ code: ResultError.Code, _ message: String) -> ResultError {
            ResultError(code: code, id: state.id, message: message)
        }
        let reason = state.error.map { ": \($0)" } ?? ""
        switch state.ending {
        case .dead: throw error(.dead, "job \(quoted) is a dead letter after attempt \(state.attempt)\(reason)")
        case .discarded: throw error(.discarded, "job \(quoted) was discarded\(reason)")
        case .cancelled: throw error(.cancelled, "job \(quoted) was cancelled\(reason)")
        case .completed, nil: break
        }
        if let expiresAt = state.expiresAt, expiresAt <= now() {
            throw error(.expired, "the result of job \(quoted) was kept until \(Timestamp.text(expiresAt))")
        }
        // Whatever payloads are, results are JSON.
        let codec = JSONCodec()
        if let result = state.result { return try codec.decode(Value.self, from: result) }
        if let reason = state.error {
            throw error(.nothing, "job \(quoted) completed, and its result was not kept: \(reason)")
        }
        // Of an optional type none is a value.
        if let none = try? codec.decode(Value.self, from: Bytes("null")) { return none }
        throw error(.nothing, "job \(quoted) completed and set no result")
    }

    private func desk(of topic: String) throws -> ResultDesk {
        let configuration = try readingConfiguration()
        return desks.withLock { desks in
            if let desk = desks[topic] { return desk }
            let desk = ResultDesk(topic: topic, configuration: configuration)
            desks[topic] = desk
            return desk
        }
    }

    private func readingConfiguration() throws -> ClientConfiguration {
        guard let reading else {
            throw InputError("the client was made with a producer alone: give it `reading`, to await results")
        }
        return reading
    }
}

/// A book that a follower writes and a task reads.
private final class SharedBook: Sendable {
    private let book = Mutex(ResultBook())

    subscript(id: String) -> JobState? { book.withLock { $0[id] } }

    func take(_ id: String, _ record: Record) {
        book.withLock { _ = $0.take(id: id, value: record.value, partition: record.partition) }
    }
}
