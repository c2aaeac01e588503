internal import Glibc

/// The thread of a ``CommandHandler``.
final class CommandLoop {
    struct Job: Sendable {
        let id: String
        let context: JobContext
        let input: [UInt8]
        /// `NAME=VALUE`.
        let variables: [[UInt8]]
    }

    enum Command: LoopCommand {
        case run(LoopJob<Job>)
        case cancel(LoopJob<Job>)
        case close(within: Duration, CheckedContinuation<Void, Never>?)
    }

    private let count: Int
    private let grace: Duration
    private let logger: Logger
    private let inbox: Inbox<Command>

    private let table: ChildTable
    private var jobs = JobTable<Job>()
    private var commands: [Command] = []
    private var waiting = TicketQueue()
    private var running: [ChildID: Ticket] = [:]
    private var childOfTicket: [Ticket: ChildID] = [:]

    /// Of jobs that may not have failed.
    private var doubtful = DoubtfulDeaths()

    /// When to ask again whether the next job may begin.
    private var heldUntil: ContinuousClock.Instant?
    private var pause = StartPause()
    private var isClosing = false
    private var terminatesAt: ContinuousClock.Instant?
    private var isTerminating = false
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []

    init(command: String, count: Int, grace: Duration, logger: Logger, inbox: Inbox<Command>) {
        self.count = count
        self.grace = grace
        self.logger = logger
        self.inbox = inbox
        table = ChildTable(
            command: command,
            environment: ProcessEnvironment.inherited(without: CommandHandler.ownVariables),
            outputLines: LineSplitter(limit: 8 << 10, overlong: .cut),
            needsStreams: false
        )
    }

    func run() {
        while true {
            inbox.take(into: &commands)
            commands.forEach(obey)
            startWaiting()
            for death in doubtful.decide(.now, isStopping: { jobs[$0]?.content.context.isStopping != false }) {
                finish(death.ticket, .failure(death.error))
            }
            if isClosing, table.isEmpty, doubtful.isEmpty { break }
            if let terminatesAt, terminatesAt <= .now {
                self.terminatesAt = nil
                isTerminating = true
                table.stopAll(grace: grace)
            }
            let deadline = [terminatesAt, heldUntil, doubtful.deadline(.now)].compactMap(\.self).min()
            table.wait(until: deadline, waking: inbox).forEach(handle)
        }
        inbox.end().forEach(obey)
        for continuation in closeWaiters { continuation.resume() }
    }

    private func obey(_ command: Command) {
        switch command {
        case .run(let job):
            guard !isClosing else { return job.end(.failure(HandlerError.closed)) }
            waiting.append(jobs.insert(job))
        case .cancel(let job):
            guard let ticket = job.ticket else { return }
            if !waiting.remove(ticket), let child = childOfTicket.removeValue(forKey: ticket) {
                running[child] = nil
                table.stop(child, grace: grace)
            }
            finish(ticket, .failure(CancellationError()))
        case .close(let limit, let continuation):
            if let continuation { closeWaiters.append(continuation) }
            isClosing = true
            for ticket in waiting.removeAll() { finish(ticket, .failure(HandlerError.closed)) }
            let end = ContinuousClock.now + limit
            terminatesAt = min(terminatesAt ?? end, end)
        }
    }

    private func startWaiting() {
        heldUntil = nil
        while running.count < count, let ticket = waiting.first {
            if let end = pause.end, end > .now {
                heldUntil = end
                break
            }
            guard jobs[ticket]?.content.context.mayBegin != false else {
                heldUntil = .now + StartLimit.pause
                break
            }
            _ = waiting.popFirst()
            guard let job = jobs[ticket] else { continue }
            do throws(SystemError) {
                let child = try table.start(adding: job.content.variables)
                running[child] = ticket
                childOfTicket[ticket] = child
                table.send(job.content.input, to: child)
                table.closeInput(of: child)
                table.flush()
                pause.forget()
            } catch {
                guard !error.isShortage else {
                    waiting.giveBack(ticket)
                    if pause.begin(.now) {
                        logger.log(.warning, "no command can be started now; attempts wait", ["error": "\(error)"])
                    }
                    continue
                }
                finish(ticket, .failure(Self.error(error)))
            }
        }
    }

    private static func error(_ error: SystemError) -> any Error {
        // A variable beyond the kernel's 128 KiB is so at every attempt.
        error.code == E2BIG
            ? JobError.deadLetter("the job's id, type or key is too long for an environment variable")
            : HandlerError(code: .notStarted, message: "the command could not be started: \(error)")
    }

    private func handle(_ event: ChildEvent) {
        switch event {
        case .output(let child, let lines):
            lines.drain { log("command stdout", child, table.pid(of: child), String(decoding: $0, as: UTF8.self)) }
        case .diagnostic(let child, let pid, let line): log("command stderr", child, pid, line)
        case .exited(let child, let end):
            pause.cutShort()
            guard let ticket = running.removeValue(forKey: child) else { return }
            childOfTicket[ticket] = nil
            let result = Self.result(end)
            if isTerminating, end.status.isNoVerdict {
                finish(ticket, .failure(HandlerError.closed))
            } else if DoubtfulDeaths.isDoubtful(end.status), case .failure(let error) = result {
                doubtful.add(ticket, error, .now)
            } else {
                finish(ticket, result)
            }
        // Neither is asked of the table for these.
        case .overlongOutput, .unreachable: break
        }
    }

    private func log(_ message: String, _ child: ChildID, _ pid: pid_t?, _ line: String) {
        let job = running[child].flatMap { jobs[$0]?.content.id }
        logger.log(.info, message, ["job": job ?? "", "pid": pid.map { "\($0)" } ?? "", "line": line])
    }

    static func result(_ end: ChildEnd) -> Result<Void, any Error> {
        let reason = end.errorTail.isEmpty ? end.status.description : end.errorTail
        return switch end.status {
        case .exited(0): .success(())
        case .exited(75): .failure(JobError.retry(reason))
        case .exited(65): .failure(JobError.deadLetter(reason))
        default: .failure(HandlerError(code: .failed, message: reason))
        }
    }

    private func finish(_ ticket: Ticket, _ result: Result<Void, any Error>) {
        doubtful.forget(ticket)
        jobs.remove(ticket)?.end(result)
    }
}
