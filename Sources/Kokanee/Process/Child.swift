internal import CLinux
internal import Glibc
internal import RdKafka

/// Names a child process for as long as the program runs, which a process id does not.
struct ChildID: Hashable, Sendable, CustomStringConvertible {
    let raw: UInt64

    var description: String { "child \(raw)" }
}

/// A child process, the leader of a process group of its own, and our ends of its standard streams.
///
/// It belongs to one thread, that of its ``ChildTable``.
final class Child {
    let id: ChildID
    let pid: pid_t
    var input: Descriptor?
    var output: Descriptor?
    var errors: Descriptor?

    /// What is to be written to its standard input, from `unsent` on.
    var outbox: [UInt8] = []
    var unsent = 0
    /// Bytes written since ``ChildTable/send(_:to:)``; nil where some were on their way before that.
    var sent: Int? = 0
    var closesInputWhenSent = false

    var outputLines: LineSplitter
    var errorLines = LineSplitter(limit: 8 << 10, overlong: .cut)
    var errorTail = Tail()

    /// When the group gets a SIGKILL.
    var killAt: ContinuousClock.Instant?
    /// It closed a stream at this time: its exit is to be expected any moment.
    var closedAt: ContinuousClock.Instant?
    var isReportedUnreachable = false

    /// Starts `/bin/sh -c command`, with no open file but the three pipes, and its signals as at login.
    ///
    /// - Parameter environment: `NAME=VALUE` strings without their NUL.
    init(
        id: ChildID,
        command: String,
        environment: [[UInt8]],
        outputLines: LineSplitter
    ) throws(SystemError) {
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
        try input.writer.makeNonBlocking()
        try output.reader.makeNonBlocking()
        try errors.reader.makeNonBlocking()
        pid = try Self.spawn(
            command: command,
            environment: environment,
            streams: [input.reader.raw, output.writer.raw, errors.writer.raw]
        )
        self.id = id
        self.outputLines = outputLines
        self.input = input.takeWriter()
        self.output = output.takeReader()
        self.errors = errors.takeReader()
    }

    private static func spawn(
        command: String,
        environment: [[UInt8]],
        streams: [Int32]
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, descriptor) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(target))
        }
        // Ours are closed on exec anyway; those of the host's other libraries need not be.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        var arguments = ["/bin/sh", "-c", command].map { cString(Array($0.utf8)) } + [nil]
        var variables = environment.map(cString) + [nil]
        defer { for string in arguments + variables { free(string) } }
        var pid = pid_t()
        let code = DescriptorInheritance.withoutChildren {
            posix_spawn(&pid, "/bin/sh", &actions, &attributes, &arguments, &variables)
        }
        guard code == 0 else { throw SystemError("starting /bin/sh", code: code) }
        return pid
    }

    private static func cString(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
        strdup(bytes.map { CChar(bitPattern: $0) } + [0])
    }

    /// Signals the whole group.
    ///
    /// The leader is not reaped before its last signal: as a zombie it still holds its number, so that no stranger's
    /// group can have got it.
    func signalGroup(_ signal: Int32) {
        _ = kill(-pid, signal)
    }

    /// How the process ended, once it has; it is taken out of the kernel's table then, and what is left of its group
    /// is killed before that.
    func reapIfExited() -> ExitStatus? {
        var info = siginfo_t()
        guard waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 else {
            return errno == ECHILD ? .unknown : nil
        }
        guard info.si_signo != 0 else { return nil }
        signalGroup(SIGKILL)
        var status: Int32 = 0
        return waitpid(pid, &status, 0) == pid ? ExitStatus(waitStatus: status) : .unknown
    }

    /// Whether what was sent last still stands in the pipe, whole: the process can't have seen any of it.
    var hasReadNothing: Bool {
        guard let sent, let descriptor = input?.raw else { return false }
        var unread: Int32 = 0
        return ioctl(descriptor, UInt(FIONREAD), &unread) == 0 && Int(unread) >= sent
    }
}
