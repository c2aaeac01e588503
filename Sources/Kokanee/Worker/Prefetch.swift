/// What librdkafka fetches ahead of the worker, for each partition.
///
/// It has to last for as long as a fetch takes, and no longer: what lies there is out of the processor's caches, and the
/// memory of a worker on a backlog is mostly this.
struct Prefetch {
    /// The fewest and the most of each, whatever a partition's share of the worker's is: a fetch of less is not worth its
    /// costs, and of more is never due.
    private static let recordBounds = 32...100_000
    private static let byteBounds = 64 << 10...256 << 20

    /// When so many records, or so many bytes of keys and payloads, lie there, nothing more is fetched.
    let records: Int
    let bytes: Int
    /// How long a broker may wait with an answer that brings nothing, in milliseconds. Where all that have something were
    /// full when the fetch was sent the worker waits as long for more of it; and idle workers ask so often.
    let wait: Int
    /// The bytes of one answer, over all its partitions. All of it stays in memory until its last record has been worked.
    private let wholeAnswer: Int

    /// - Parameters:
    ///   - records: over all partitions.
    ///   - bytes: over all partitions.
    init(records: Int, bytes: Int, partitions: Int) {
        wholeAnswer = min(max(bytes / 16, 1 << 20), 50 << 20)
        wait = min(max(partitions / 10, 10), 100)
        self.records = Self.share(records, partitions, Self.recordBounds)
        self.bytes = Self.share(bytes, partitions, Self.byteBounds)
    }

    /// The main topic's partitions share the worker's; the rungs are mostly short.
    init(_ configuration: WorkerConfiguration, partitions: Int) {
        self.init(
            records: configuration.prefetchedRecords,
            bytes: configuration.prefetchedBytes,
            partitions: partitions
        )
    }

    /// As librdkafka's properties.
    ///
    /// - Parameter messageBytes: its `message.max.bytes`, where that is set. It must not be more than what one answer may bring.
    func properties(besideMessagesOf messageBytes: String? = nil) -> [String: String] {
        let wholeAnswer = max(wholeAnswer, messageBytes.flatMap { Int($0) } ?? 0)
        // One answer may pass the bound by as much as it brings of a partition. A larger record comes all the same.
        let answer = min(max(bytes / 4, 64 << 10), 1 << 20)
        return [
            "queued.min.messages": "\(records)",
            "queued.max.messages.kbytes": "\(bytes >> 10)",
            "fetch.message.max.bytes": "\(answer)",
            "fetch.max.bytes": "\(wholeAnswer)",
            "fetch.wait.max.ms": "\(wait)",
        ]
    }

    private static func share(_ whole: Int, _ parts: Int, _ bounds: ClosedRange<Int>) -> Int {
        min(max(whole / max(1, parts), bounds.lowerBound), bounds.upperBound)
    }
}
