internal import Glibc
internal import Synchronization

/// An OS thread that sleeps in `poll(2)`, and the box through which others hand it commands.
///
/// All signals are blocked on the thread. So the host program's handlers never run there, and a write to a pipe that
/// nobody reads is an EPIPE whose SIGPIPE stays pending on this thread, whatever the program does with that signal.
final class LoopThread<Command: Sendable>: Sendable {
    let inbox: Inbox<Command>
    private let thread: Mutex<pthread_t?>

    /// - Parameter body: runs on the thread. It makes what it works on itself, so that nothing of it is shared. When it
    ///   returns it must have called ``Inbox/end()``.
    init(_ body: @escaping @Sendable (Inbox<Command>) -> Void) throws(SystemError) {
        let inbox = try Inbox<Command>()
        self.inbox = inbox
        // A new thread inherits the mask of the one that starts it: from its first instruction no signal reaches it.
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        let box = Unmanaged.passRetained(ThreadBody { body(inbox) })
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, runThreadBody, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw SystemError("starting a thread", code: code)
        }
        self.thread = Mutex(thread)
    }

    deinit {
        if let thread = thread.withLock({ $0.take() }) { pthread_detach(thread) }
    }

    /// Waits for a thread that has said it is at its end. A second call does nothing.
    func join() {
        if let thread = thread.withLock({ $0.take() }) { pthread_join(thread, nil) }
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // The one retain that pthread_create was given is taken over here, once.
    if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
    return nil
}

/// Commands from any thread to the one that polls ``wakeDescriptor``.
final class Inbox<Command: Sendable>: Sendable {
    private struct State {
        var commands: [Command] = []
        var isEnded = false
        var tickets: UInt64 = 0
    }

    private let state = Mutex(State())
    private let pipe: Pipe

    init() throws(SystemError) {
        pipe = try Pipe()
        try pipe.reader.makeNonBlocking()
        try pipe.writer.makeNonBlocking()
    }

    /// Readable while commands wait.
    var wakeDescriptor: Int32 { pipe.reader.raw }

    /// A number that no other call returns.
    func nextTicket() -> UInt64 {
        state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
    }

    /// - Returns: false where the reader has ended; the command is not taken then.
    func send(_ command: Command) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard !state.isEnded else { return (false, false) }
            state.commands.append(command)
            return (true, state.commands.count == 1)
        }
        // Those behind the first are taken together with it. The pipe holds a byte at most, so the write never waits.
        if isFirst {
            var byte: UInt8 = 0
            _ = write(pipe.writer.raw, &byte, 1)
        }
        return isTaken
    }

    func take() -> [Command] {
        // The byte before the commands: the other way round, the byte of a command that came in between would be lost.
        var bytes: (UInt64, UInt64) = (0, 0)
        _ = read(pipe.reader.raw, &bytes, MemoryLayout.size(ofValue: bytes))
        return state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Takes what is left, and nothing from then on.
    func end() -> [Command] {
        state.withLock { state in
            state.isEnded = true
            defer { state.commands = [] }
            return state.commands
        }
    }
}
