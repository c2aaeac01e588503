/// How long a thread starts no commands where the system is short of what one takes: descriptors, processes, memory.
///
/// It asks again after pauses that grow, and as soon as a command of its own has ended.
struct StartPause {
    typealias Instant = ContinuousClock.Instant

    static let shortest = Duration.milliseconds(100)
    static let longest = Duration.seconds(3)

    /// Nothing is started before that.
    private(set) var end: Instant?
    private var pause = GrowingPause(from: Self.shortest, to: Self.longest)

    /// A start has failed by a shortage.
    ///
    /// - Returns: whether it is the first that has since one worked.
    mutating func begin(_ now: Instant) -> Bool {
        let isFirst = !pause.isGrowing
        end = now + pause.next()
        return isFirst
    }

    /// Something may have been set free.
    mutating func cutShort() { end = nil }

    /// A start has worked.
    mutating func forget() { self = StartPause() }
}
