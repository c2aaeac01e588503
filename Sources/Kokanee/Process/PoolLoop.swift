internal import Glibc

/// The thread of a ``ProcessPool``: carries out what ``PoolState`` decides.
final class PoolLoop {
    struct Job: Sendable {
        let id: String
        /// With its line break.
        let line: [UInt8]
        let continuation: CheckedContinuation<Void, any Error>
    }

    enum Command: LoopCommand {
        case run(Ticket, Job)
        case cancel(Ticket)
        case awaitStart(CheckedContinuation<Void, any Error>)
        case close(within: Duration, CheckedContinuation<Void, Never>?)
    }

    private let command: String
    private let configuration: ProcessPool.Configuration
    private let logger: Logger
    private let inbox: Inbox<Command>

    private let table: ChildTable
    private var state: PoolState
    private var jobs: [Ticket: Job] = [:]

    private var settlesAt: ContinuousClock.Instant?
    /// Why the command can't be run, where that showed while the pool settled.
    private var startFailure: HandlerError?
    private var startWaiters: [CheckedContinuation<Void, any Error>] = []

    private var terminatesAt: ContinuousClock.Instant?
    private var isTerminating = false
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []

    init(
        command: String,
        count: Int,
        configuration: ProcessPool.Configuration,
        logger: Logger,
        inbox: Inbox<Command>
    ) {
        self.command = command
        self.configuration = configuration
        self.logger = logger
        self.inbox = inbox
        table = ChildTable(
            command: command,
            environment: ProcessEnvironment.inherited(),
            outputLines: LineSplitter(limit: configuration.maximumAnswerSize, overlong: .refuse),
            needsStreams: true
        )
        let now = ContinuousClock.now
        state = PoolState(count: count, now: now)
        settlesAt = now + configuration.settlingTime
    }

    func run() {
        while true {
            // All commands and events first, then the handing out: a line behind an answer is not the next job's.
            inbox.take().forEach(obey)
            act()
            if state.isClosing, table.isEmpty { break }
            let deadline = [state.deadline, settlesAt, terminatesAt].compactMap(\.self).min()
            table.wait(until: deadline, waking: inbox.wakeDescriptor).forEach(handle)
        }
        inbox.end().forEach(obey)
        settle()
        for continuation in closeWaiters { continuation.resume() }
    }

    private func act() {
        let now = ContinuousClock.now
        while let step = state.next(now) {
            switch step {
            case .start(let slot): start(slot)
            case .hand(let ticket, let child):
                if let job = jobs[ticket] { table.send(job.line, to: child) }
            }
        }
        if let settlesAt, settlesAt <= now || startFailure != nil { settle() }
        if let terminatesAt, terminatesAt <= now {
            self.terminatesAt = nil
            isTerminating = true
            table.stopAll(grace: configuration.grace)
        }
    }

    private func start(_ slot: Int) {
        do throws(SystemError) {
            state.started(slot, as: try table.start())
        } catch {
            let loss = state.couldNotStart(slot, .now)
            let failure = HandlerError(code: .notStarted, message: "handler \(command.debugDescription): \(error)")
            if settlesAt != nil { startFailure = failure }
            logger.log(.warning, "a handler process could not be started", ["error": "\(error)"])
            alarm(loss, failure.message)
        }
    }

    private func obey(_ command: Command) {
        switch command {
        case .run(let ticket, let job):
            guard !state.isClosing else { return job.continuation.resume(throwing: HandlerError.closed) }
            jobs[ticket] = job
            state.submit(ticket)
        case .cancel(let ticket):
            let (wasHere, child) = state.cancel(ticket, .now)
            guard wasHere else { return }
            if let child {
                logger.log(
                    .warning,
                    "a handler process is stopped: its job was cancelled",
                    ["pid": pid(child), "job": jobs[ticket]?.id ?? "", "stderr": table.errorTail(of: child)]
                )
                table.stop(child, grace: configuration.grace)
            }
            finish(ticket, .failure(CancellationError()))
        case .awaitStart(let continuation):
            startWaiters.append(continuation)
            if settlesAt == nil || state.isClosing { settle() }
        case .close(let limit, let continuation):
            if let continuation { closeWaiters.append(continuation) }
            for ticket in state.close() { finish(ticket, .failure(HandlerError.closed)) }
            state.children.forEach(table.closeInput)
            let end = ContinuousClock.now + limit
            terminatesAt = min(terminatesAt ?? end, end)
        }
    }

    private func settle() {
        settlesAt = nil
        let error = startFailure ?? (state.isClosing ? .closed : nil)
        for waiter in startWaiters {
            if let error { waiter.resume(throwing: error) } else { waiter.resume() }
        }
        startWaiters = []
    }

    private func handle(_ event: ChildEvent) {
        switch event {
        case .output(let child, let line): answer(child, line)
        case .overlongOutput(let child):
            discard(child, "wrote a line of more than \(configuration.maximumAnswerSize) bytes")
        case .diagnostic(_, let pid, let line):
            logger.log(.info, "handler stderr", ["pid": "\(pid)", "line": line])
        case .unreachable(let child): discard(child, "closed its standard input or output")
        case .exited(let child, let end): exited(child, end)
        }
    }

    private func answer(_ child: ChildID, _ line: [UInt8]) {
        guard let job = state.ticket(of: child).flatMap({ jobs[$0] }) else {
            if state.isKnown(child) {
                logger.log(
                    .warning,
                    "a handler process wrote something without a job in its hands",
                    ["pid": pid(child), "line": String(decoding: line.prefix(200), as: UTF8.self)]
                )
            }
            return
        }
        do throws(HandlerMessage.Failure) {
            let result: Result<Void, any Error>
            switch try HandlerMessage(line: line, id: job.id) {
            case .progress, .checkpoint: return
            case .completed: result = .success(())
            case .retry(let delay, let error): result = .failure(JobError.retry(after: delay, error))
            case .deadLetter(let error): result = .failure(JobError.deadLetter(error))
            }
            if let ticket = state.answered(child) { finish(ticket, result) }
        } catch {
            discard(child, "\(error)")
        }
    }

    /// Stops a process that broke the protocol, fails its job, and has it replaced.
    private func discard(_ child: ChildID, _ reason: String) {
        let now = ContinuousClock.now
        let pid = pid(child)
        let tail = table.errorTail(of: child)
        guard let loss = state.lost(child, hasReadNothing: false, now) else { return }
        table.stop(child, grace: configuration.grace)
        let message = "handler process \(pid) \(reason)" + Self.quoted(tail)
        logger.log(.warning, "a handler process is replaced", ["pid": pid, "reason": reason, "stderr": tail])
        if let ticket = loss.ticket {
            finish(ticket, .failure(HandlerError(code: .brokeProtocol, message: message)))
        }
        alarm(loss, message)
    }

    private func exited(_ child: ChildID, _ end: ChildEnd) {
        guard let loss = state.lost(child, hasReadNothing: end.hasReadNothing, .now) else { return }
        let message = "handler process \(end.pid) ended: \(end.status)" + Self.quoted(end.errorTail)
        if settlesAt != nil, end.status == .exited(127) || end.status == .exited(126) {
            let failure = "the handler \(command.debugDescription) can't be run: \(end.status)"
            startFailure = HandlerError(code: .notStarted, message: failure + Self.quoted(end.errorTail))
        }
        if let ticket = loss.ticket {
            // A job that nobody read is still here only where the pool closes; and what it kills has not died of itself.
            let isClosed = end.hasReadNothing || isTerminating
            finish(ticket, .failure(isClosed ? .closed : HandlerError(code: .died, message: message)))
        }
        guard !state.isClosing else { return }
        logger.log(
            .warning,
            "a handler process ended and is replaced",
            ["pid": "\(end.pid)", "status": "\(end.status)", "stderr": end.errorTail, "after": "\(loss.delay)"]
        )
        alarm(loss, message)
    }

    private func alarm(_ loss: PoolState.Loss, _ last: String) {
        guard loss.failedStarts > 0, loss.failedStarts % max(1, configuration.failedStartsPerAlarm) == 0 else { return }
        logger.log(
            .error,
            "handler processes end without ever answering; jobs wait",
            ["command": command, "ended": "\(loss.failedStarts)", "last": last]
        )
    }

    private func finish(_ ticket: Ticket, _ result: Result<Void, any Error>) {
        jobs.removeValue(forKey: ticket)?.continuation.resume(with: result)
    }

    private func pid(_ child: ChildID) -> String { table.pid(of: child).map { "\($0)" } ?? "" }

    private static func quoted(_ tail: String) -> String { tail.isEmpty ? "" : "; its stderr: \(tail)" }
}
