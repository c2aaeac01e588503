internal import Kokanee
internal import Synchronization

/// Counts attempts by their number, for the live display: what failed as attempt n and has not started as attempt n + 1
/// waits on rung n.
final class AttemptTally: Sendable {
    struct Counts: Sendable {
        /// Attempts started, by number; the first is at index 0.
        fileprivate(set) var started: [Int]
        fileprivate(set) var failed: [Int]
        /// Failed attempts of each path that has any.
        fileprivate(set) var failures: [String: Int] = [:]
        fileprivate(set) var firstStart: ContinuousClock.Instant?
        /// When the last first attempt ended: until then the worker was busy, after that it waited for the ladder.
        fileprivate(set) var lastFirstEnd: ContinuousClock.Instant?

        var attempts: Int { started.reduce(0, +) }

        /// Jobs that wait on each rung.
        var waiting: [Int] {
            zip(failed, started.dropFirst()).map { max(0, $0 - $1) }
        }

        /// Jobs that have come down from each rung.
        var climbed: [Int] { Array(started.dropFirst()) }

        /// First attempts a second; nil where there were too few of them to say.
        var rate: Int? {
            guard started[0] >= 100, let firstStart, let lastFirstEnd, lastFirstEnd > firstStart else { return nil }
            return Int(Double(started[0]) / ((lastFirstEnd - firstStart) / .seconds(1)))
        }
    }

    private let state: Mutex<Counts>

    init(maximumAttempts: Int) {
        let zeros = [Int](repeating: 0, count: maximumAttempts)
        state = Mutex(Counts(started: zeros, failed: zeros))
    }

    var counts: Counts { state.withLock(\.self) }

    /// Runs an attempt and counts it.
    func count(_ path: String, _ context: JobContext, _ attempt: () async throws -> Void) async throws {
        let index = context.attempt - 1
        state.withLock { state in
            state.started[index] += 1
            if state.firstStart == nil { state.firstStart = .now }
        }
        do {
            try await attempt()
            end(index)
        } catch {
            end(index, failed: path)
            throw error
        }
    }

    private func end(_ index: Int, failed path: String? = nil) {
        state.withLock { state in
            if index == 0 { state.lastFirstEnd = .now }
            guard let path else { return }
            state.failed[index] += 1
            state.failures[path, default: 0] += 1
        }
    }
}
