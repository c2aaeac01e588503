/// What operators want of a queue, as the control topic has it.
public struct QueueOrders: Sendable, Hashable {
    /// Of the whole queue; nil where it runs.
    public internal(set) var pause: Pause?
    /// Of types, in their order.
    public internal(set) var pausedTypes: [Pause] = []
    /// Cancellations that stand, in the order of the jobs' ids.
    public internal(set) var cancellations: [JobCancellation] = []
    /// When the queue was last resumed, in milliseconds since the epoch; nil where it was never paused, or still is.
    public internal(set) var resumedAt: Int64?
    /// Keys of cancellations that nobody needs any more.
    var expiredKeys: [String] = []

    /// Nothing is wanted of the queue.
    public init() {}

    static func prefixes(queue: String) -> [String] {
        [Pause.key(queue: queue), JobCancellation.keyPrefix(queue: queue)]
    }

    /// - Parameters:
    ///   - entries: of the control topic; those of other keys are passed over.
    ///   - now: milliseconds since the epoch.
    init(_ entries: [ControlTopic.Entry], queue: String, now: Int64) {
        for entry in entries {
            if let pause = Pause(entry, queue: queue) {
                take(pause)
            } else if let cancellation = JobCancellation(entry, queue: queue) {
                if cancellation.expiresAt > now {
                    cancellations.append(cancellation)
                } else if now - cancellation.expiresAt > JobCancellation.rest {
                    expiredKeys.append(entry.key)
                }
            }
        }
        pausedTypes.sort { ($0.type ?? "") < ($1.type ?? "") }
        cancellations.sort { $0.id < $1.id }
    }

    private mutating func take(_ word: Pause) {
        switch (word.type, word.stands) {
        case (nil, true): pause = word
        case (nil, false): resumedAt = word.at
        case (.some, true): pausedTypes.append(word)
        case (.some, false): break
        }
    }
}
