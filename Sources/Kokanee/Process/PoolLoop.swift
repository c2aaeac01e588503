internal import Glibc
internal import RdKafka

/// The thread of a ``ProcessPool``: carries out what ``PoolState`` decides.
final class PoolLoop {
    enum Command: LoopCommand {
        case run(LoopJob<Job>)
        case cancel(LoopJob<Job>)
        case accept([DirectAttempt], of: Engine)
        case cancelAccepted(Batch)
        /// It had better end soon, where it can go on from.
        case stop(LoopJob<Job>)
        case awaitStart(CheckedContinuation<Void, any Error>)
        case close(within: Duration, CheckedContinuation<Void, Never>?)
    }

    struct Ended: Sendable {
        let task: UnsafeContinuation<Void, any Error>
        let result: Result<Void, any Error>
    }

    /// How long the loop may look away at most, and at least for it to be worth its while.
    private static let longestRest = Duration.microseconds(250)
    private static let shortestRest = Duration.microseconds(40)
    private static let fewEnds = 4

    private let command: String
    private let configuration: ProcessPool.Configuration
    let logger: Logger
    let inbox: Inbox<Command>

    let table: ChildTable
    var state: PoolState
    var jobs = JobTable<Job>()
    private var commands: [Command] = []
    /// Where in its process's input a job's line begins, by tickets.
    private var starts: [Int] = []
    /// What is to be told when the processes have got their next jobs.
    var ended: [Ended] = []
    /// Whose attempts were taken over.
    var lenders = Lenders<Engine, DirectAttempt>()
    private let demand: HandlerDemand
    /// What has become of jobs that took too long, whatever their processes answer in their grace but success.
    var overrun: [Ticket: any Error] = [:]

    /// Of jobs that may not have failed.
    private var doubtful = DoubtfulDeaths()

    /// When to ask again whether the next job may begin.
    private var heldUntil: ContinuousClock.Instant?

    /// When what the processes have written was read last.
    private var lookedAt = ContinuousClock.now

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
        demand: HandlerDemand,
        logger: Logger,
        inbox: Inbox<Command>
    ) {
        self.command = command
        self.configuration = configuration
        self.demand = demand
        self.logger = logger
        self.inbox = inbox
        table = ChildTable(
            command: command,
            environment: ProcessEnvironment.inherited(),
            outputLines: LineSplitter(limit: configuration.maximumAnswerSize, overlong: .refuse),
            needsStreams: true
        )
        let now = ContinuousClock.now
        state = PoolState(
            count: count,
            now: now,
            writeAhead: configuration.writeAhead,
            longestWait: configuration.longestWait,
            timeout: configuration.timeout,
            grace: configuration.grace
        )
        settlesAt = now + configuration.settlingTime
    }

    func run() {
        while true {
            // All commands and events first, then the handing out: a line behind an answer is not the next job's.
            inbox.take(into: &commands)
            commands.forEach(obey)
            act()
            if state.isClosing, table.isEmpty, doubtful.isEmpty { break }
            // What that brings goes out before anybody rests.
            if handBack(), !state.isClosing { continue }
            rest()
            let times = [state.deadline, settlesAt, terminatesAt, heldUntil, doubtful.deadline(.now)]
            let deadline = times.compactMap(\.self).min()
            let events = table.wait(until: deadline, waking: inbox)
            lookedAt = .now
            events.forEach(handle)
        }
        inbox.end().forEach(obey)
        settle()
        tell()
        _ = handBack()
        for continuation in closeWaiters { continuation.resume() }
    }

    private func act() {
        let now = ContinuousClock.now
        for (child, ticket, isAsked) in state.overrun(now) { overran(child, ticket, isAsked: isAsked) }
        for (child, ticket) in state.giveUpAsked(now) { giveUp(child, ticket) }
        for child in state.giveUpCancelled(now) { stopCancelled(child, nil) }
        for child in state.giveUpCondemned(now) { table.stop(child, grace: configuration.grace) }
        for ticket in state.takeUnbegun() { finish(ticket, .failure(HandlerError.closed)) }
        for ticket in state.takeOwnerless() { finish(ticket, .failure(overrun[ticket] ?? CancellationError())) }
        for death in doubtful.decide(now, isStopping: { jobs[$0]?.content.context.isStopping != false }) {
            finish(death.ticket, .failure(death.error))
        }
        for ticket in state.takeReleased() { jobs.remove(ticket) }
        heldUntil = nil
        while let step = state.next(now, mayBegin: mayBegin) {
            switch step {
            case .start(let slot): start(slot)
            case .hand(let ticket, let child): hand(ticket, to: child)
            }
        }
        table.flush()
        demand.current = state.demand
        tell()
        if let settlesAt, settlesAt <= now || startFailure != nil { settle() }
        if let terminatesAt, terminatesAt <= now {
            self.terminatesAt = nil
            isTerminating = true
            table.stopAll(grace: configuration.grace)
        }
    }

    /// Whether a job's worker lets it begin: the worker's runner has asked, but that may be long ago where processes were
    /// busy, or the machine stood still. Those behind it wait, too, also of other queues: for as long as it is not known
    /// whether this worker is a member still.
    private func mayBegin(_ ticket: Ticket) -> Bool {
        guard jobs[ticket]?.content.context.mayBegin == false else { return true }
        heldUntil = .now + StartLimit.pause
        return false
    }

    private func hand(_ ticket: Ticket, to child: ChildID) {
        guard let job = jobs[ticket] else { return }
        let isInHand = state.ticket(of: child) == ticket
        if isInHand { table.clearErrorTail(of: child) }
        while starts.count <= ticket { starts.append(0) }
        starts[Int(ticket)] = table.send(to: child) { job.content.write(to: &$0) }
        if isInHand { listen(child) }
    }

    /// Looks away while all processes have enough to do, so that their answers are read together. A process whose every
    /// answer wakes us up pays for that with a switch of context each time, and so do we.
    private func rest() {
        // What they had not answered at the last look they have been at since.
        let rest = min(state.rest - (.now - lookedAt), Self.longestRest)
        guard rest >= Self.shortestRest else { return }
        _ = usleep(UInt32(rest.components.attoseconds / 1_000_000_000_000))
    }

    /// Tells the jobs' tasks, all at once: what they bring next is then taken together, too.
    private func tell() {
        guard !ended.isEmpty else { return }
        let told = ended
        if told.count < Self.fewEnds {
            for end in told { end.task.resume(with: end.result) }
        } else {
            // From here each would wake a thread of Swift's pool, with a system call; from there one does.
            Task.detached { for end in told { end.task.resume(with: end.result) } }
        }
        ended.removeAll(keepingCapacity: true)
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
        case .run(let job):
            guard !state.isClosing else { return job.end(.failure(HandlerError.closed)) }
            state.submit(jobs.insert(job), bytes: job.content.bytes)
        case .accept(let attempts, let engine): accept(attempts, of: engine)
        case .cancel(let job): cancel(job)
        case .cancelAccepted(let batch): if let job = batch.handlerTicket.flatMap({ jobs[$0] }) { cancel(job) }
        case .stop(let job):
            job.isToStop = true
            guard let child = job.ticket.flatMap({ state.listener(of: $0) }) else { return }
            table.send(HandlerRequest.stop(job.content.id), to: child)
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

    private func cancel(_ job: LoopJob<Job>) {
        guard let ticket = job.ticket else { return }
        switch state.cancel(ticket, .now) {
        case .notHere: return
        case .ask(let child):
            table.send(HandlerRequest.cancel(job.content.id), to: child)
            return
        case .stop(let child): stopCancelled(child, job)
        case .ended: break
        }
        end(job, .failure(CancellationError()))
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
        case .output(let child, let lines): answers(child, lines)
        case .overlongOutput(let child):
            discard(child, "wrote a line of more than \(configuration.maximumAnswerSize) bytes")
        case .diagnostic(_, let pid, let line):
            logger.log(.info, "handler stderr", ["pid": "\(pid)", "line": line])
        case .unreachable(let child): discard(child, "closed its standard input or output")
        case .exited(let child, let end): exited(child, end)
        }
    }

    private func overran(_ child: ChildID, _ ticket: Ticket, isAsked: Bool) {
        guard let timeout = configuration.timeout else { return }
        let what = "ran over \(timeout.text) with its job"
        guard isAsked, let job = jobs[ticket] else { return discard(child, what, code: .timedOut) }
        overrun[ticket] = HandlerError(code: .timedOut, message: "handler process \(pid(child)) \(what)")
        table.send(HandlerRequest.cancel(job.content.id), to: child)
    }

    /// A process had its grace to end the job in hand.
    private func giveUp(_ child: ChildID, _ ticket: Ticket) {
        stopCancelled(child, jobs[ticket])
        finish(ticket, .failure(overrun[ticket] ?? CancellationError()))
    }

    private func stopCancelled(_ child: ChildID, _ job: LoopJob<Job>?) {
        logger.log(
            .warning,
            "a handler process is stopped: its job was cancelled",
            ["pid": pid(child), "job": job?.content.id ?? "", "stderr": table.errorTail(of: child)]
        )
        table.stop(child, grace: configuration.grace)
    }

    /// Stops a process that broke the protocol, or took too long, fails its job, and has it replaced.
    ///
    /// - Parameter mayFinish: the process may answer first what was written ahead to it.
    func discard(
        _ child: ChildID,
        _ reason: String,
        code: HandlerError.Code = .brokeProtocol,
        mayFinish: Bool = false
    ) {
        let now = ContinuousClock.now
        let pid = pid(child)
        let tail = table.errorTail(of: child)
        let loss = mayFinish ? state.condemn(child, now) : state.lost(child, hasReadNothing: false, now)
        if !state.isKnown(child) { table.stop(child, grace: configuration.grace) }
        guard let loss else { return }
        let message = "handler process \(pid) \(reason)" + Self.quoted(tail)
        logger.log(.warning, "a handler process is replaced", ["pid": pid, "reason": reason, "stderr": tail])
        if let ticket = loss.ticket {
            finish(ticket, .failure(HandlerError(code: code, message: message)))
        }
        alarm(loss, message)
    }

    private func exited(_ child: ChildID, _ end: ChildEnd) {
        let start = state.ticket(of: child).map { starts[Int($0)] }
        let hasReadNothing = start.flatMap { start in end.bytesRead.map { $0 <= start } } ?? false
        guard let loss = state.lost(child, hasReadNothing: hasReadNothing, .now) else { return }
        let message = "handler process \(end.pid) ended: \(end.status)" + Self.quoted(end.errorTail)
        if settlesAt != nil, end.status == .exited(127) || end.status == .exited(126) {
            let failure = "the handler \(command.debugDescription) can't be run: \(end.status)"
            startFailure = HandlerError(code: .notStarted, message: failure + Self.quoted(end.errorTail))
        }
        if let ticket = loss.ticket {
            let death = HandlerError(code: .died, message: message)
            if loss.wasAsked {
                finish(ticket, .failure(overrun[ticket] ?? CancellationError()))
            } else if hasReadNothing || isTerminating {
                // A job that nobody read is still here only where the pool closes; and what it kills has not died of itself.
                finish(ticket, .failure(HandlerError.closed))
            } else if DoubtfulDeaths.isDoubtful(end.status) {
                doubtful.add(ticket, death, .now)
            } else {
                finish(ticket, .failure(death))
            }
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

    func finish(_ ticket: Ticket, _ result: Result<Void, any Error>) {
        if !overrun.isEmpty { overrun[ticket] = nil }
        doubtful.forget(ticket)
        if let job = jobs.remove(ticket) { end(job, result) }
    }

    func pid(_ child: ChildID) -> String { table.pid(of: child).map { "\($0)" } ?? "" }

    private static func quoted(_ tail: String) -> String { tail.isEmpty ? "" : "; its stderr: \(tail)" }
}
