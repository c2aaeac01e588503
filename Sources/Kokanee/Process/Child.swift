internal import CLinux
internal import Glibc

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
    /// Readable once the process has ended; nil where the kernel has no such thing (before Linux 5.3).
    let exitDescriptor: Int32?
    private let exit: Descriptor?

    /// What is to be written to its standard input, from `unsent` on.
    var outbox: [UInt8] = []
    var unsent = 0
    /// Bytes of its standard input that are in its pipe or have been.
    var written = 0
    /// How many of them it has read, where that is certain to be the last word.
    private var readAtEnd: Int?
    var closesInputWhenSent = false
    var isInOutQueue = false

    var outputLines: LineSplitter
    /// Of its standard output, read and not yet asked for.
    let lines = LineBatch()
    var errorLines = LineSplitter(limit: 8 << 10, overlong: .cut)
    var errorTail = ErrorTail()

    /// When the group gets a SIGKILL.
    var killAt: ContinuousClock.Instant?
    /// When it got the first one.
    var killedAt: ContinuousClock.Instant?
    var isKilled: Bool { killedAt != nil }
    /// It has ended by the SIGTERM that its group got, and is not reaped as long as others of that have their grace.
    var isLingering = false
    /// It closed its standard input or output at this time: its exit is to be expected any moment.
    var closedAt: ContinuousClock.Instant?
    var isReportedUnreachable = false

    init(
        id: ChildID,
        _ program: Program,
        adding variables: [[UInt8]],
        outputLines: LineSplitter
    ) throws(SystemError) {
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
        try input.writer.makeNonBlocking()
        try output.reader.makeNonBlocking()
        try errors.reader.makeNonBlocking()
        pid = try program.start(streams: [input.reader.raw, output.writer.raw, errors.writer.raw], adding: variables)
        ChildGroups.add(pid)
        let exit = pidfd_open(pid, 0)
        exitDescriptor = exit >= 0 ? exit : nil
        self.exit = exit >= 0 ? Descriptor(owning: exit) : nil
        self.id = id
        self.outputLines = outputLines
        self.input = input.takeWriter()
        self.output = output.takeReader()
        self.errors = errors.takeReader()
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
    ///
    /// A group that has been told to end has its grace, also where its leader, a shell perhaps, is gone at once: until then,
    /// or until nobody has its output and its errors open any more, there is no end yet.
    func reapIfExited() -> ExitStatus? {
        var info = siginfo_t()
        guard waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 else {
            guard errno == ECHILD else { return nil }
            ChildGroups.remove(pid)
            return .unknown
        }
        guard info.si_signo != 0 else { return nil }
        isLingering = killAt != nil && !isKilled && (output != nil || errors != nil)
        guard !isLingering else { return nil }
        signalGroup(SIGKILL)
        ChildGroups.remove(pid)
        var status: Int32 = 0
        return waitpid(pid, &status, 0) == pid ? ExitStatus(waitStatus: status) : .unknown
    }

    /// Nobody reads its standard input any more.
    func loseInput() {
        readAtEnd = bytesRead
        input = nil
    }

    /// How many bytes of its standard input it has read; nil where that can't be told.
    var bytesRead: Int? {
        guard let descriptor = input?.raw else { return readAtEnd }
        var unread: Int32 = 0
        return ioctl(descriptor, UInt(FIONREAD), &unread) == 0 ? written - Int(unread) : nil
    }

    /// Writes what is to be written, as far as the pipe takes it.
    ///
    /// - Returns: false where nobody reads it any more.
    func write() -> Bool {
        guard let raw = input?.raw else { return true }
        while unsent < outbox.count {
            let count = outbox.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[unsent...])
                return Glibc.write(raw, rest.baseAddress, rest.count)
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                if errno == EAGAIN { return true }
                // EPIPE. What it means is for its exit to say, or for its not coming.
                loseInput()
                dropOutbox()
                return false
            }
            unsent += count
            written += count
        }
        dropOutbox()
        if closesInputWhenSent { input = nil }
        return true
    }

    func dropOutbox() {
        // The room is used again, but for that of an unusual line.
        outbox.removeAll(keepingCapacity: outbox.capacity <= 256 << 10)
        unsent = 0
    }
}

/// The end of a process's standard error, as far as it can be of the job in its hands.
struct ErrorTail {
    private var all = Tail()
    private var recent = Tail()
    private var recentRound: UInt64 = 0

    var text: String { all.text }

    /// - Parameter round: of reading; in each the standard error is read before the output.
    mutating func append(_ bytes: UnsafeRawBufferPointer, round: UInt64) {
        if round != recentRound { recent.clear() }
        recentRound = round
        all.append(bytes)
        recent.append(bytes)
    }

    /// In this round an answer was read. What was read in earlier ones was written before that answer, and so is not of
    /// the job that is in hand now.
    mutating func dropEarlier(than round: UInt64) {
        guard !all.isEmpty else { return }
        if recentRound == round { all = recent } else { all.clear() }
    }

    mutating func clear() {
        all.clear()
        recent.clear()
    }
}
