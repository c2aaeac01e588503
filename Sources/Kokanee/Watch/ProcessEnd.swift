internal import Glibc

/// Ends a process whose threads hang.
enum ProcessEnd {
    private static let patience = 200

    /// Says why, on standard error and through `relay`, which is given 2 seconds for its log, and ends the process with 1.
    ///
    /// No destructor runs and nothing is flushed: each of them may wait for what hangs. What was not committed runs
    /// again elsewhere, as after any crash.
    static func now(_ alert: Alert, relay: Relay) -> Never {
        for _ in 0..<patience where !relay.isIdle { usleep(10_000) }
        let reason = SafeText.line(alert.text, limit: 2000)
        let line = "kokanee: the process ends, so that others get its partitions: \(reason)\n"
        var poll = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        // Where nobody reads, writing would hang as well; a pipe that can be written to has room for a line.
        if Glibc.poll(&poll, 1, 0) > 0 {
            _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
        ChildGroups.kill()
        _exit(1)
    }
}
