/// Whether what a partition brings after a rewind is read from the rewind's target on.
///
/// librdkafka promises that nothing fetched before a seek is read after it. Were it not so, a record from further up
/// would make all between it and the target pass for a gap in the log, and be lost. So the first record has to be the
/// target's. Where it is another one, which a log that has no record at the target explains as well, the partition is
/// sought once more: what comes first twice is what the log has.
struct Landing: Equatable {
    enum Answer {
        /// It is what the log has from the target on.
        case landed
        /// It is not to be taken in, nor what follows; ``needsSeek`` may be true now.
        case notYet
    }

    let target: Int64
    /// The consumer has to be sent to the target.
    private(set) var needsSeek = true
    private var seeks = 0

    init(at target: Int64) {
        self.target = target
    }

    mutating func noteSeek() {
        needsSeek = false
        seeks += 1
    }

    /// - Parameter offset: of the first record, or of the log's end where there is none.
    mutating func look(at offset: Int64) -> Answer {
        guard !needsSeek else { return .notYet }
        guard offset != target, seeks < 2 else { return .landed }
        needsSeek = true
        return .notYet
    }
}
