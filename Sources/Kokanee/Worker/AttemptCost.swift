internal import Synchronization

/// What an attempt of one type has cost lately, by which runners are given many at a time or one.
///
/// It rises at once and falls slowly: who takes a slow job for a fast one holds others up, and who takes a fast one for a
/// slow one only visits a lock more often.
final class AttemptCost: Sendable {
    /// Before anything is known.
    private static let unknown = 1_000_000

    private let nanoseconds = Atomic(AttemptCost.unknown)

    /// The estimate.
    var value: Int { nanoseconds.load(ordering: .relaxed) }

    /// Some attempts took so long, from start to end. Two that come at once may lose one of them.
    ///
    /// - Parameter longest: of one of them.
    func note(total: Int, count: Int, longest: Int) {
        let known = value
        let mean = max(1, total / max(1, count))
        // One that is far from the others shows that others may be so, too.
        let sample = longest > mean * 16 ? longest : mean
        let estimate = sample >= known ? sample : max(sample, known - known / 4)
        if estimate != known { nanoseconds.store(estimate, ordering: .relaxed) }
    }
}
