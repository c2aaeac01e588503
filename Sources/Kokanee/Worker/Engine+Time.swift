internal import RdKafka

extension Engine {
    /// How long it may take to learn the brokers' time.
    private static let clockLimit = Duration.seconds(10)
    /// By how many milliseconds the machine's clock may be wrong before somebody is told.
    private static let tolerance: Int64 = 5000

    /// Whether it is known what time it is, without which nothing can be said to be due. It takes a report's round trip
    /// from the start of the worker, and 10 seconds where no broker answers it.
    var knowsTime: Bool {
        if clock.isSettled { return true }
        guard clock.monotonic() - startedAt >= Self.clockLimit else { return false }
        settleForMachine(.warning, "no answer to a report within \(Self.clockLimit.text)")
        return true
    }

    /// What became of a report says what time it is at the brokers, or that they won't tell.
    func settleClock(by result: Result<Delivery, KafkaError>) {
        switch result {
        case .success(let delivery):
            let wasSettled = clock.isSettled
            clock.note(delivery)
            settleForMachine(.info, "\(delivery.topicPartition.topic) has no message.timestamp.type=LogAppendTime")
            guard !wasSettled, let lead = clock.lead, abs(lead) > Self.tolerance else { return }
            logger.log(
                .warning,
                "this machine's clock is wrong: due times go by the brokers', log lines by this one; synchronise it",
                [lead > 0 ? "ahead" : "behind": Duration.milliseconds(abs(lead)).text]
            )
        case .failure(let error):
            settleForMachine(.warning, "\(error)")
        }
    }

    private func settleForMachine(_ level: Logger.Level, _ reason: String) {
        guard clock.settleForMachine() else { return }
        logger.log(level, "the brokers don't tell their time: due times go by this machine's clock", ["why": reason])
    }
}
