/// What the jobs of one queue leave for later attempts and for others, as this worker knows it: of the partitions that it
/// owns, restored from the state topic when they are assigned.
final class QueueState: Sendable {
    private let queue: Queue

    init(queue: Queue) {
        self.queue = queue
    }

    /// What an attempt's end has to leave in the state topic before its job counts as finished.
    func writes(after disposition: Disposition, of content: JobContent) -> [StateRecord] {
        []
    }
}
