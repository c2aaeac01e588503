internal import Glibc

/// What happened to a child.
enum ChildEvent {
    /// A line of its standard output, without its line break.
    case output(ChildID, [UInt8])
    /// A line beyond the limit, where such lines are refused.
    case overlongOutput(ChildID)
    /// A line of its standard error.
    case diagnostic(ChildID, pid: pid_t, line: String)
    /// It lives, but has closed a stream that it needs for its work.
    case unreachable(ChildID)
    case exited(ChildID, ChildEnd)
}

/// How a child ended.
struct ChildEnd {
    let pid: pid_t
    let status: ExitStatus
    /// The end of its standard error, since ``ChildTable/send(_:to:)`` if there was one.
    let errorTail: String
    /// Nothing of what was sent last was read.
    let hasReadNothing: Bool
}

/// The children of one thread: starts them, moves their bytes, stops and reaps them.
///
/// A child's exit is asked for by its number, and not only read off its pipes, which a grandchild may hold open:
/// soon after it closed one, else ten times a second.
final class ChildTable {
    private static let exitCheckInterval = Duration.milliseconds(100)
    /// After a stream's end the exit follows in microseconds, or else the child goes on without that stream.
    private static let hurriedCheckInterval = Duration.milliseconds(1)
    private static let hurryTime = Duration.milliseconds(50)
    /// A child without one of its streams, but alive after this time, will not come back to its work.
    private static let unreachableTime = Duration.milliseconds(500)
    /// The most that a pipe can hold, as `fs.pipe-max-size` is by default: what is read of a child that has ended.
    private static let lastWords = 1 << 20

    private let command: String
    private let environment: [[UInt8]]
    private let outputLines: LineSplitter
    /// Children must keep all their streams open.
    private let needsStreams: Bool
    private var children: [ChildID: Child] = [:]
    private var lastID: UInt64 = 0
    private var events: [ChildEvent] = []
    private var nextExitCheck = ContinuousClock.now
    private let buffer: UnsafeMutableRawBufferPointer

    /// - Parameter environment: `NAME=VALUE` strings that every child gets.
    init(command: String, environment: [[UInt8]], outputLines: LineSplitter, needsStreams: Bool) {
        self.command = command
        self.environment = environment
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
        children[id] = try Child(
            id: id,
            command: command,
            environment: environment + variables,
            outputLines: outputLines
        )
        return id
    }

    func pid(of id: ChildID) -> pid_t? { children[id]?.pid }

    func errorTail(of id: ChildID) -> String { children[id]?.errorTail.text ?? "" }

    /// Writes to a child's standard input, as far as its pipe takes it now, and the rest in ``wait(until:waking:)``.
    func send(_ bytes: [UInt8], to id: ChildID) {
        guard let child = children[id] else { return }
        child.errorTail.clear()
        if child.outbox.isEmpty {
            child.outbox = bytes
            child.sent = 0
        } else {
            child.outbox.append(contentsOf: bytes)
            child.sent = nil
        }
        write(to: child)
    }

    /// Closes a child's standard input once all that was sent is written.
    func closeInput(of id: ChildID) {
        guard let child = children[id] else { return }
        child.closesInputWhenSent = true
        write(to: child)
    }

    /// Ends a child's group: a SIGTERM now, a SIGKILL after `grace`. Its exit is an event as ever.
    func stop(_ id: ChildID, grace: Duration) {
        guard let child = children[id] else { return }
        child.outbox = []
        child.input = nil
        let deadline = ContinuousClock.now + grace
        if child.killAt == nil { child.signalGroup(SIGTERM) }
        child.killAt = min(child.killAt ?? deadline, deadline)
    }

    func stopAll(grace: Duration) {
        for id in children.keys { stop(id, grace: grace) }
    }

    /// Sleeps until something happens to a child, `descriptor` becomes readable, or the time has come.
    func wait(until deadline: ContinuousClock.Instant?, waking descriptor: Int32) -> [ChildEvent] {
        events = []
        var polled = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        var owners: [(child: Child, stream: Stream)] = []
        for child in children.values {
            for (stream, raw) in [(Stream.output, child.output?.raw), (.errors, child.errors?.raw)] {
                guard let raw else { continue }
                polled.append(pollfd(fd: raw, events: Int16(POLLIN), revents: 0))
                owners.append((child, stream))
            }
            if let raw = child.input?.raw, child.unsent < child.outbox.count {
                polled.append(pollfd(fd: raw, events: Int16(POLLOUT), revents: 0))
                owners.append((child, .input))
            }
        }
        _ = poll(&polled, nfds_t(polled.count), timeout(until: deadline))

        for (entry, owner) in zip(polled.dropFirst(), owners) where entry.revents != 0 {
            switch owner.stream {
            case .input: write(to: owner.child)
            case .output, .errors: read(owner.stream, of: owner.child)
            }
        }
        let now = ContinuousClock.now
        let isRoutine = nextExitCheck <= now
        if isRoutine { nextExitCheck = now + Self.exitCheckInterval }
        for child in Array(children.values) where isRoutine || child.closedAt != nil || child.killAt != nil {
            check(child, now)
        }
        return events
    }

    private enum Stream {
        case input, output, errors
    }

    private func timeout(until deadline: ContinuousClock.Instant?) -> Int32 {
        let now = ContinuousClock.now
        var end = deadline
        for child in children.values {
            let isHurried = child.closedAt.map { now < $0 + Self.hurryTime } ?? false
            var check = now + (isHurried ? Self.hurriedCheckInterval : Self.exitCheckInterval)
            if let killAt = child.killAt { check = min(check, killAt) }
            end = min(end ?? check, check)
        }
        guard let end else { return -1 }
        let (seconds, attoseconds) = max(.zero, end - now).components
        // Rounded up, so that the time has come when poll returns; an hour at most, so that it fits.
        return Int32(min(seconds, 3600) * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    private func write(to child: Child) {
        guard let raw = child.input?.raw else { return }
        while child.unsent < child.outbox.count {
            let unsent = child.unsent
            let count = child.outbox.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[unsent...])
                return Glibc.write(raw, rest.baseAddress, rest.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return }
                // EPIPE. What it means is for its exit to say, or for its not coming.
                child.input = nil
                child.closedAt = child.closedAt ?? .now
                break
            }
            child.unsent += count
            child.sent = child.sent.map { $0 + count }
        }
        child.outbox = []
        child.unsent = 0
        if child.closesInputWhenSent { child.input = nil }
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
            if stream == .output { child.output = nil } else { child.errors = nil }
            child.closedAt = child.closedAt ?? .now
            return 0
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        if stream == .output {
            let isWithinLimit = child.outputLines.append(bytes) { events.append(.output(child.id, $0)) }
            if !isWithinLimit { events.append(.overlongOutput(child.id)) }
        } else {
            child.errorTail.append(bytes)
            _ = child.errorLines.append(bytes) { diagnose(child, $0) }
        }
        return count
    }

    private func diagnose(_ child: Child, _ line: [UInt8]) {
        events.append(.diagnostic(child.id, pid: child.pid, line: String(decoding: line, as: UTF8.self)))
    }

    private func check(_ child: Child, _ now: ContinuousClock.Instant) {
        if let killAt = child.killAt, killAt <= now {
            child.signalGroup(SIGKILL)
            child.killAt = now + Self.exitCheckInterval
        }
        guard let status = child.reapIfExited() else {
            if needsStreams, let closedAt = child.closedAt, closedAt + Self.unreachableTime <= now,
                !child.isReportedUnreachable
            {
                child.isReportedUnreachable = true
                events.append(.unreachable(child.id))
            }
            return
        }
        for stream in [Stream.output, .errors] {
            var total = 0
            while total < Self.lastWords, case let count = read(stream, of: child), count > 0 { total += count }
        }
        if child.outputLines.overlong == .cut, let line = child.outputLines.finish() {
            events.append(.output(child.id, line))
        }
        if let line = child.errorLines.finish() { diagnose(child, line) }
        let end = ChildEnd(
            pid: child.pid,
            status: status,
            errorTail: child.errorTail.text,
            hasReadNothing: child.hasReadNothing
        )
        children[child.id] = nil
        events.append(.exited(child.id, end))
    }
}
