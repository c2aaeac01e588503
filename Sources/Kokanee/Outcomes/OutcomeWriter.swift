internal import RdKafka
internal import Synchronization

/// Writes a queue's marks to the state topic, and says whether commits have to wait for that.
final class OutcomeWriter: Sendable {
    private let engine: Engine
    private let runtime: QueueRuntime
    private let build: String
    private let pacer = Mutex(OutcomePacer())

    init(_ runtime: QueueRuntime, engine: Engine) {
        self.runtime = runtime
        self.engine = engine
        build = engine.configuration.build ?? ""
    }

    func mayWrite(now: ContinuousClock.Instant) -> Bool {
        engine.configuration.marksOutcomes && pacer.withLock { $0.mayWrite(now: now) }
    }

    /// Whether marks are under way, and a commit of what they cover is to wait.
    func isAwaited(now: ContinuousClock.Instant) -> Bool {
        let (isAwaited, isLate) = pacer.withLock { ($0.isAwaited(now: now), $0.noteLateness(now: now)) }
        if isLate {
            log("marks of what became of jobs are late; commits go on without them", nil)
        }
        return isAwaited
    }

    /// Hands over chunks that were taken while ``mayWrite(now:)`` was true.
    ///
    /// - Returns: how many bytes that are.
    func write(_ chunks: [OutcomeBook.Taken]) -> Int {
        guard !chunks.isEmpty else { return 0 }
        let queue = runtime.queue
        var size = 0
        let records = chunks.map { chunk in
            let record = OutcomeRecord(
                kind: chunk.kind,
                chunk: chunk.number,
                series: chunk.series,
                build: build,
                replay: queue.replay,
                words: chunk.words
            )
            let (key, value) = (record.key, record.value)
            size += key.count + value.count
            return ProducerRecord(topic: queue.outcomeTopic, partition: chunk.partition, key: key, value: value)
        }
        pacer.withLock { $0.sent(now: engine.clock.monotonic()) }
        let indices = chunks.map(\.index)
        if let failure = FailPoint.marksProducing.failure(.localMessageTimedOut) {
            ended(indices, failed: indices, failure)
            return size
        }
        engine.producer.produceInPassing(records) { [self] settled in
            var failed: [Int] = []
            var refusal: KafkaError?
            for (position, index) in indices.enumerated() {
                guard case .failure(let error) = settled.result(position) else { continue }
                failed.append(index)
                refusal = error
            }
            if refusal == nil, let failure = FailPoint.marksAcknowledged.failure(.localMessageTimedOut) {
                (failed, refusal) = (indices, failure)
            }
            ended(indices, failed: failed, refusal)
        }
        FailPoint.marksProduced.pass()
        return size
    }

    /// On the producer's thread.
    private func ended(_ indices: [Int], failed: [Int], _ refusal: KafkaError?) {
        engine.marksEnded(indices, failed: failed)
        let now = engine.clock.monotonic()
        let isNews = pacer.withLock { $0.ended(isRefused: refusal != nil, now: now) }
        runtime.wakeup.wake()
        // The end of a worker that is cut off; not worth a word.
        guard isNews, let refusal, refusal.code != .localDestroyed else { return }
        log("marks of what became of jobs were refused; commits go on without them, and they are tried again", refusal)
    }

    private func log(_ message: String, _ error: KafkaError?) {
        runtime.logger.log(
            .warning,
            message,
            ["queue": runtime.queue.name, "topic": runtime.queue.outcomeTopic, "error": error.map { "\($0)" } ?? ""]
        )
    }
}
