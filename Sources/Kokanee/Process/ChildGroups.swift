internal import Glibc
internal import Synchronization

/// The process groups of all children that live, for who ends this process without waiting for them.
///
/// They are groups of their own, so that a terminal's signals don't reach them, and nobody else would end them: a command
/// that goes on would finish its job beside that job's next run.
package enum ChildGroups {
    private static let live = Mutex<Set<pid_t>>([])

    static func add(_ leader: pid_t) {
        live.withLock { _ = $0.insert(leader) }
    }

    /// To be called before the leader is reaped: until then its number is nobody else's.
    static func remove(_ leader: pid_t) {
        live.withLock { _ = $0.remove(leader) }
    }

    /// Sends each group a SIGKILL. It waits for nobody: where a thread hangs that is about to change the set, nothing is
    /// sent.
    package static func kill() {
        _ = live.withLockIfAvailable { groups in
            for leader in groups { _ = Glibc.kill(-leader, SIGKILL) }
        }
    }
}
