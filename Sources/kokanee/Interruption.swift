internal import Glibc
internal import Kokanee
internal import Synchronization

/// The one place where SIGINT and SIGTERM arrive.
///
/// Both are blocked in every thread and taken by `sigwait` on the main one, so that no code ever runs in a signal
/// handler. The first asks for a graceful end; the second ends the process at once.
final class Interruption: Sendable {
    private struct State {
        var isRequested = false
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Returns once an end is asked for, or the calling task is cancelled.
    func wait() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    guard !state.isRequested, !Task.isCancelled else { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            // Before the waiter is registered Task.isCancelled stops it; after that it is found here.
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }

    /// - Returns: false where an end had been asked for before.
    @discardableResult
    func request() -> Bool {
        let (isFirst, waiters) = state.withLock { state in
            defer {
                state.isRequested = true
                state.waiters = [:]
            }
            return (!state.isRequested, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume() }
        return isFirst
    }

    /// What `body` returns, or `CancellationError` as soon as an end is asked for, without waiting for `body`.
    func cutting<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: R.self)
        let work = Task {
            do {
                continuation.yield(try await body())
            } catch {
                continuation.finish(throwing: error)
            }
        }
        let watch = Task {
            await wait()
            continuation.finish(throwing: CancellationError())
        }
        defer {
            work.cancel()
            watch.cancel()
        }
        for try await result in stream { return result }
        throw CancellationError()
    }

    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        return set
    }

    /// Blocks the signals in this thread, and with that in all that are started later: call it before there are any.
    ///
    /// Children inherit a blocked signal; who starts them resets their mask. SIGPIPE is ignored: writes say EPIPE. SIGCHLD is
    /// not, though who started this may have ignored it: the kernel would reap the children, and nobody knew how they ended.
    static func prepareProcess() {
        var set = signals
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGCHLD, SIG_DFL)
    }

    /// Takes signals on the calling thread, for ever.
    func takeSignals() -> Never {
        var set = Self.signals
        while true {
            var signal: Int32 = 0
            guard sigwait(&set, &signal) == 0 else { continue }
            let isFirst = request()
            // Several SIGTERM may be for one wish: `timeout` sends one to its child and one to the whole group.
            guard !isFirst, signal == SIGINT else { continue }
            ChildGroups.kill()
            Screen.giveBack()
            _exit(ExitCode.interrupted.rawValue)
        }
    }
}
