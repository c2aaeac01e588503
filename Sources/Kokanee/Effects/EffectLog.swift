internal import Synchronization

/// The effects of one attempt that was rehearsed, in the order in which they would have happened.
///
/// However many they are, it keeps the first ``limit``, and counts the others by name.
public final class EffectLog: Sendable {
    /// Effects that are kept, and names that are counted.
    public static let limit = 256
    /// Counts what comes under further names.
    static let otherNames = "(other names)"

    private struct State {
        var effects: [Effect] = []
        var counts: [String: Int] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// The first of them.
    public var effects: [Effect] { state.withLock { $0.effects } }

    /// How many there were of each name.
    public var counts: [String: Int] { state.withLock { $0.counts } }

    func note(_ effect: Effect) {
        state.withLock { state in
            if state.effects.count < Self.limit { state.effects.append(effect) }
            let isCounted = state.counts[effect.name] != nil || state.counts.count < Self.limit
            state.counts[isCounted ? effect.name : Self.otherNames, default: 0] += 1
        }
    }
}
