internal import Synchronization

/// How many attempts a handler can use at once, now.
///
/// A pool of processes that answer fast wants more than it executes, so that the next jobs are in their pipes already. One
/// whose processes are slow wants no more than that: an attempt that only waits would hold up a rebalance, and the end.
package final class HandlerDemand: Sendable {
    private let value: Atomic<Int>

    package init(_ value: Int) {
        self.value = Atomic(value)
    }

    /// Where it falls, attempts that run already go on.
    package internal(set) var current: Int {
        get { value.load(ordering: .relaxed) }
        set { value.store(newValue, ordering: .relaxed) }
    }
}
