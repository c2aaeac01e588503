internal import Glibc

/// What processes take of the processors.
enum ProcessorTime {
    /// Seconds that a process and all its threads have been at work so far, in user and in system mode; nil where there is
    /// no such process.
    ///
    /// - Parameter pid: 0 is this one.
    static func seconds(of pid: pid_t) -> Double? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Of this process.
    static var own: Double { seconds(of: 0) ?? 0 }
}
