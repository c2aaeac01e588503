internal import Glibc

/// A lock for what many threads visit often and briefly: whoever comes first takes it, also before those that wait.
///
/// `Synchronization.Mutex` is fair on Linux: it is a priority-inheriting futex, which the kernel hands over to the thread
/// that has waited longest. While that one wakes up nobody else may pass, though it be at work and gone again in a
/// microsecond, so that at a busy lock every visit comes to wait for a context switch. This one is pthread's, which spins
/// for a little while before it sleeps, and is free for anybody in between. See docs/performance.md for what that makes.
///
/// `@unchecked Sendable`: the value is touched under the lock alone, which lives as long as this does.
final class BargingLock<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init(_ value: sending Value) {
        self.value = value
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        // glibc's PTHREAD_MUTEX_ADAPTIVE_NP, which its headers show to nobody but _GNU_SOURCE. Elsewhere it may be refused,
        // and the lock is then the default one.
        _ = pthread_mutexattr_settype(&attributes, 3)
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Nil where another thread has the lock.
    func withLockIfAvailable<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard pthread_mutex_trylock(mutex) == 0 else { return nil }
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
