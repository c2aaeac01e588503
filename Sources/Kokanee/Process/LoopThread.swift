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
