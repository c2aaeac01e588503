/// How long a thread starts no commands where the system is short of what one takes: descriptors, processes, memory.
///
/// It asks again after pauses that grow, and as soon as a command of its own has ended.
struct StartPause {
    typealias Instant = ContinuousClock.Instant

    static let shortest = Duration.milliseconds(100)
    static let longest = Duration.seconds(3)

    /// Nothing is started before that.
    private(set) var end: Instant?
    /// The last one; nil since a start has worked.
    private var length: Duration?

    /// A start has failed by a shortage.
    ///
    /// - Returns: whether it is the first that has since one worked.
    mutating func begin(_ now: Instant) -> Bool {
        let next = length.map { min($0 * 2, Self.longest) } ?? Self.shortest
        defer { length = next }
        end = now + next
        return length == nil
    }

    /// Something may have been set free.
    mutating func cutShort() { end = nil }

    /// A start has worked.
    mutating func forget() { self = StartPause() }
}
