/// The pause after each of several failures in a row: twice as long as the one before, up to a bound.
struct GrowingPause: Sendable {
    private let first: Duration
    private let longest: Duration
    /// The last one; nil where nothing has failed since it was reset.
    private var length: Duration?

    init(from first: Duration, to longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// Whether something has failed since it was reset.
    var isGrowing: Bool { length != nil }

    mutating func next() -> Duration {
        let next = length.map { min($0 * 2, longest) } ?? first
        length = next
        return next
    }

    mutating func reset() { length = nil }
}
