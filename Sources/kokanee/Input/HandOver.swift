internal import Dispatch
internal import Synchronization

/// What can be joined with what comes after it.
protocol Gatherable: Sendable {
    mutating func append(_ next: Self)
}

/// Hands what one thread makes to one task, in order, and gathers it while the task is busy with what it took before.
///
/// A task that waits gets the first part at once: none is kept back for more to come. The thread is held while as much
/// as ``limit`` is gathered, so that memory stays bounded however slow the task is.
final class HandOver<Part: Gatherable>: Sendable {
    private struct State {
        var gathered: Part?
        /// Of what is gathered.
        var size = 0
        /// Nobody takes any more.
        var isClosed = false
        /// Set once no more is given; told after what is gathered.
        var end: Result<Void, any Error>?
        /// Waits where nothing is gathered.
        var taker: CheckedContinuation<Part?, any Error>?
        var isGiverHeld = false

        /// - Returns: whether the giver is to be released.
        mutating func release() -> Bool {
            defer { isGiverHeld = false }
            return isGiverHeld
        }
    }

    /// How much is gathered before the giver is held, in the unit of the sizes given.
    let limit: Int
    private let state = Mutex(State())
    // Signalled once each time that the giver is held, by whoever has taken back `isGiverHeld`.
    private let room = DispatchSemaphore(value: 0)

    init(limit: Int) {
        self.limit = limit
    }

    /// How much is gathered and not taken yet.
    var size: Int { state.withLock(\.size) }

    /// Whether the giver is held, or about to be.
    var isGiverHeld: Bool { state.withLock(\.isGiverHeld) }

    var isTakerWaiting: Bool { state.withLock { $0.taker != nil } }

    /// Nothing is given any more.
    var isFinished: Bool { state.withLock { $0.end != nil } }

    // MARK: - The giver's thread

    /// Blocks until there is room.
    ///
    /// - Returns: how much there is; nil where nobody takes any more.
    func awaitRoom() -> Int? {
        while true {
            let free: Int? = state.withLock { state in
                guard !state.isClosed else { return nil }
                let free = limit - state.size
                state.isGiverHeld = free <= 0
                return free
            }
            guard let free else { return nil }
            if free > 0 { return free }
            room.wait()
        }
    }

    /// Never blocks: a part that is larger than the room is taken whole, and holds the giver when it asks for room again.
    func give(_ part: Part, size: Int) {
        let taker: CheckedContinuation<Part?, any Error>? = state.withLock { state in
            guard !state.isClosed else { return nil }
            if let taker = state.taker {
                state.taker = nil
                return taker
            }
            if state.gathered == nil { state.gathered = part } else { state.gathered?.append(part) }
            state.size += size
            return nil
        }
        taker?.resume(returning: part)
    }

    /// Nothing more comes. An error is told after what was given before it.
    func finish(_ end: Result<Void, any Error>) {
        let taker = state.withLock { state in
            state.end = end
            defer { state.taker = nil }
            return state.taker
        }
        taker?.resume(with: end.map { nil })
    }

    // MARK: - The taker

    /// All that is gathered; waits where nothing is. Nil at the end, or after ``close()``.
    ///
    /// - Throws: what the giver has ended with, each time.
    func take() async throws -> Part? {
        try await withCheckedThrowingContinuation { continuation in
            let (result, releases): (Result<Part?, any Error>?, Bool) = state.withLock { state in
                precondition(state.taker == nil, "one taker at a time")
                if let part = state.gathered {
                    state.gathered = nil
                    state.size = 0
                    return (.success(part), state.release())
                }
                if state.isClosed { return (.success(nil), false) }
                if let end = state.end { return (end.map { nil }, false) }
                state.taker = continuation
                return (nil, false)
            }
            if releases { room.signal() }
            if let result { continuation.resume(with: result) }
        }
    }

    /// Nothing is taken any more: ends ``take()`` where it waits, and releases the giver. From any thread.
    func close() {
        let (taker, releases) = state.withLock { state in
            state.isClosed = true
            state.gathered = nil
            state.size = 0
            defer { state.taker = nil }
            return (state.taker, state.release())
        }
        if releases { room.signal() }
        taker?.resume(returning: nil)
    }
}
