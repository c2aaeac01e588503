internal import Glibc

/// What happened to a child.
enum ChildEvent {
    /// Lines of its standard output, without their line breaks, to be drained.
    case output(ChildID, LineBatch)
    /// A line beyond the limit, where such lines are refused.
    case overlongOutput(ChildID)
    /// A line of its standard error.
    case diagnostic(ChildID, pid: pid_t, line: String)
    /// It lives, but has closed its standard input or output, which it needs for its work.
    case unreachable(ChildID)
    case exited(ChildID, ChildEnd)
}

/// How a child ended.
struct ChildEnd {
    let pid: pid_t
    let status: ExitStatus
    /// The end of its standard error, as far as it can be of the job in its hands.
    let errorTail: String
    /// The bytes of its standard input that it had read; nil where that can't be told.
    let bytesRead: Int?
}

/// The children of one thread: starts them, moves their bytes, stops and reaps them.
///
/// A child's exit is told by a descriptor for its number (pidfd), and not only by its pipes, which a grandchild may hold
/// open. Where the kernel has none it is asked for: soon after it closed its standard input or output, else ten times a
/// second.
final class ChildTable {
    private static let exitCheckInterval = Duration.milliseconds(100)
    /// After a stream's end the exit follows in microseconds, or else the child goes on without that stream.
    private static let hurriedCheckInterval = Duration.milliseconds(1)
    private static let hurryTime = Duration.milliseconds(50)
    /// A child without its standard input or output, but alive after this time, will not come back to its work.
    private static let unreachableTime = Duration.milliseconds(500)
    /// How long a child may go on that was sent a SIGKILL.
    private static let unkillableTime = Duration.seconds(5)
    /// The most that a pipe can hold, as `fs.pipe-max-size` is by default: what is read of a child that has ended.
    private static let lastWords = 1 << 20

    private let program: Program
    private let outputLines: LineSplitter
    /// Children must keep their standard inputs and outputs open.
    private let needsStreams: Bool
    private var children: [ChildID: Child] = [:]
    /// See ``giveUp(_:)``.
    private var leftAlone: [pid_t] = []
    private var lastID: UInt64 = 0
    private var events: [ChildEvent] = []
    private var outQueue: [Child] = []
    private var polled: [pollfd] = []
    private var owners: [(child: Child, stream: Stream)] = []
    /// Of reading.
    private var round: UInt64 = 0
    private var nextExitCheck = ContinuousClock.now
    private let buffer: UnsafeMutableRawBufferPointer

    /// - Parameter environment: `NAME=VALUE` strings that every child gets.
    init(command: String, environment: [[UInt8]], outputLines: LineSplitter, needsStreams: Bool) {
        program = Program(command: command, environment: environment)
        self.outputLines = outputLines
        self.needsStreams = needsStreams
        buffer = .allocate(byteCount: 64 << 10, alignment: 16)
    }

    deinit {
        buffer.deallocate()
    }

    var isEmpty: Bool { children.isEmpty }

    func start(adding variables: [[UInt8]] = []) throws(SystemError) -> ChildID {
        lastID += 1
        let id = ChildID(raw: lastID)
        children[id] = try Child(id: id, program, adding: variables, outputLines: outputLines)
        return id
    }

    func pid(of id: ChildID) -> pid_t? { children[id]?.pid }

    func errorTail(of id: ChildID) -> String { children[id]?.errorTail.text ?? "" }

    /// What a child has written to its standard error so far is of no job that it gets from now on.
    func clearErrorTail(of id: ChildID) {
        children[id]?.errorTail.clear()
    }

    /// A child has answered: what was read of its standard error before its answer was is not of the job in hand.
    func dropEarlierErrors(of id: ChildID) {
        children[id]?.errorTail.dropEarlier(than: round)
    }

    /// Has bytes written to a child's standard input by the next ``flush()``, as far as its pipe takes them then.
    func send(_ bytes: [UInt8], to id: ChildID) {
        send(to: id) { $0 += bytes }
    }

    /// As ``send(_:to:)``, of what `append` appends.
    ///
    /// - Returns: where that begins in all that the child is sent.
    @discardableResult
    func send(to id: ChildID, _ append: (inout [UInt8]) -> Void) -> Int {
        guard let child = children[id], child.input?.raw != nil else { return .max }
        let start = child.written + child.outbox.count - child.unsent
        // What is written is moved out of the way where a pipe is so slow that it never runs empty.
        if child.unsent > 64 << 10, child.unsent * 2 > child.outbox.count {
            child.outbox.removeFirst(child.unsent)
            child.unsent = 0
        }
        append(&child.outbox)
        enqueue(child)
        return start
    }

    /// Closes a child's standard input once all that was sent is written.
    func closeInput(of id: ChildID) {
        guard let child = children[id] else { return }
        child.closesInputWhenSent = true
        enqueue(child)
    }

    private func enqueue(_ child: Child) {
        guard !child.isInOutQueue else { return }
        child.isInOutQueue = true
        outQueue.append(child)
    }

    /// Writes what was sent to whom: one call for each child, however many lines there are.
    func flush() {
        for child in outQueue {
            child.isInOutQueue = false
            write(to: child)
        }
        outQueue.removeAll(keepingCapacity: true)
    }

    /// Ends a child's group: a SIGTERM now, a SIGKILL after `grace`. Its exit is an event as ever.
    func stop(_ id: ChildID, grace: Duration) {
        guard let child = children[id] else { return }
        child.dropOutbox()
        child.input = nil
        let deadline = ContinuousClock.now + grace
        if child.killAt == nil { child.signalGroup(SIGTERM) }
        child.killAt = min(child.killAt ?? deadline, deadline)
    }

    func stopAll(grace: Duration) {
        for id in children.keys { stop(id, grace: grace) }
    }

    /// Sleeps until something happens to a child, `inbox` has commands, or the time has come.
    func wait(until deadline: ContinuousClock.Instant?, waking inbox: Inbox<some Sendable>) -> [ChildEvent] {
        events = []
        round += 1
        polled.removeAll(keepingCapacity: true)
        owners.removeAll(keepingCapacity: true)
        polled.append(pollfd(fd: inbox.wakeDescriptor, events: Int16(POLLIN), revents: 0))
        for child in children.values {
            // The errors before the output, as ErrorTail wants it, and the exit behind both.
            if let raw = child.errors?.raw { watch(raw, POLLIN, child, .errors) }
            if let raw = child.output?.raw { watch(raw, POLLIN, child, .output) }
            if let raw = child.input?.raw, child.unsent < child.outbox.count { watch(raw, POLLOUT, child, .input) }
            if let raw = child.exitDescriptor, !child.isLingering { watch(raw, POLLIN, child, .exit) }
        }
        _ = poll(&polled, nfds_t(polled.count), inbox.fallAsleep() ? timeout(until: deadline) : 0)
        if polled[0].revents != 0 { inbox.drainWakeups() }

        let now = ContinuousClock.now
        for (entry, owner) in zip(polled.dropFirst(), owners) where entry.revents != 0 {
            switch owner.stream {
            case .input: write(to: owner.child)
            case .output, .errors: read(owner.stream, of: owner.child)
            case .exit: reap(owner.child)
            }
        }
        let isRoutine = nextExitCheck <= now
        if isRoutine {
            nextExitCheck = now + Self.exitCheckInterval
            if !leftAlone.isEmpty { reapLeftAlone() }
        }
        for child in Array(children.values) where isRoutine || child.closedAt != nil || child.killAt != nil {
            check(child, now, asksForExit: isRoutine || child.exitDescriptor == nil)
        }
        owners.removeAll(keepingCapacity: true)
        return events
    }

    private enum Stream {
        case input, output, errors, exit
    }

    private func watch(_ descriptor: Int32, _ what: Int32, _ child: Child, _ stream: Stream) {
        polled.append(pollfd(fd: descriptor, events: Int16(what), revents: 0))
        owners.append((child, stream))
    }

    private func timeout(until deadline: ContinuousClock.Instant?) -> Int32 {
        let now = ContinuousClock.now
        var end = deadline ?? now + .seconds(3600)
        for child in children.values {
            if child.exitDescriptor == nil {
                let isHurried = child.closedAt.map { now < $0 + Self.hurryTime } ?? false
                end = min(end, now + (isHurried ? Self.hurriedCheckInterval : Self.exitCheckInterval))
            } else if needsStreams, let closedAt = child.closedAt, !child.isReportedUnreachable {
                end = min(end, closedAt + Self.unreachableTime)
            }
            if let killAt = child.killAt { end = min(end, killAt) }
        }
        let (seconds, attoseconds) = max(.zero, end - now).components
        // Rounded up, so that the time has come when poll returns; an hour at most, so that it fits.
        return Int32(min(seconds, 3600) * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    private func write(to child: Child) {
        if !child.write() { child.closedAt = child.closedAt ?? .now }
    }

    /// Reads once what is there.
    ///
    /// - Returns: the count of bytes; 0 where there are none, now or for good.
    @discardableResult
    private func read(_ stream: Stream, of child: Child) -> Int {
        guard let raw = stream == .output ? child.output?.raw : child.errors?.raw else { return 0 }
        let count = Glibc.read(raw, buffer.baseAddress, buffer.count)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return 0 }
            if stream == .output {
                child.output = nil
                child.closedAt = child.closedAt ?? .now
            } else {
                // Whoever sends its errors elsewhere, to a file of its own, works on.
                child.errors = nil
            }
            return 0
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        if stream == .output {
            // What is there already is in an event already, which the new lines join.
            let isFirst = child.lines.isEmpty
            let isWithinLimit = child.outputLines.append(bytes) { child.lines.append($0) }
            if isFirst, !child.lines.isEmpty { events.append(.output(child.id, child.lines)) }
            if !isWithinLimit { events.append(.overlongOutput(child.id)) }
        } else {
            child.errorTail.append(bytes, round: round)
            _ = child.errorLines.append(bytes) { diagnose(child, $0) }
        }
        return count
    }

    private func diagnose(_ child: Child, _ line: some Collection<UInt8>) {
        events.append(.diagnostic(child.id, pid: child.pid, line: String(decoding: line, as: UTF8.self)))
    }

    private func check(_ child: Child, _ now: ContinuousClock.Instant, asksForExit: Bool) {
        if let killAt = child.killAt, killAt <= now {
            child.signalGroup(SIGKILL)
            child.killedAt = child.killedAt ?? now
            child.killAt = now + Self.exitCheckInterval
        }
        if let killedAt = child.killedAt, killedAt + Self.unkillableTime <= now { return giveUp(child) }
        if asksForExit || child.isLingering, reap(child) { return }
        if needsStreams, let closedAt = child.closedAt, closedAt + Self.unreachableTime <= now,
            !child.isReportedUnreachable
        {
            child.isReportedUnreachable = true
            events.append(.unreachable(child.id))
        }
    }

    /// Nobody waits any longer for a child that does not end: it belongs to another user, or hangs in the kernel.
    private func giveUp(_ child: Child) {
        guard !reap(child) else { return }
        diagnose(child, "(kokanee: it has not ended by SIGKILL, and is left alone)".utf8)
        let end = ChildEnd(pid: child.pid, status: .unknown, errorTail: child.errorTail.text, bytesRead: nil)
        children[child.id] = nil
        leftAlone.append(child.pid)
        events.append(.exited(child.id, end))
    }

    /// Takes children out of the kernel's table that ended when nobody waited for them any longer.
    private func reapLeftAlone() {
        leftAlone.removeAll { pid in
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) != 0 else { return false }
            ChildGroups.remove(pid)
            return true
        }
    }

    /// Takes a child that has ended away, with its last words.
    @discardableResult
    private func reap(_ child: Child) -> Bool {
        guard children[child.id] != nil, let status = child.reapIfExited() else { return false }
        for stream in [Stream.errors, .output] {
            var total = 0
            while total < Self.lastWords, case let count = read(stream, of: child), count > 0 { total += count }
        }
        if child.outputLines.overlong == .cut, let line = child.outputLines.finish() {
            if child.lines.isEmpty { events.append(.output(child.id, child.lines)) }
            child.lines.append(line)
        }
        if let line = child.errorLines.finish() { diagnose(child, line) }
        let end = ChildEnd(
            pid: child.pid,
            status: status,
            errorTail: child.errorTail.text,
            bytesRead: child.bytesRead
        )
        children[child.id] = nil
        events.append(.exited(child.id, end))
        return true
    }
}
