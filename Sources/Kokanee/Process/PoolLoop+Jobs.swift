internal import RdKafka

// How jobs come to the loop, and how whoever awaits their ends is told.

extension PoolLoop {
    struct Job: Sendable {
        enum Origin: Sendable {
            /// A task awaits its end, and has written its line, with the line break.
            case task(line: [UInt8])
            /// An attempt that was taken over, and the number of whom it is of.
            case engine(DirectAttempt, lender: Int)
        }

        /// About what a line has beside its job's payload and key, in bytes.
        private static let usualEnvelope = 192

        let id: String
        let context: JobContext
        let origin: Origin

        init(_ context: JobContext, _ origin: Origin) {
            id = context.id
            self.context = context
            self.origin = origin
        }

        /// What it takes in a pipe, or about that.
        var bytes: Int {
            switch origin {
            case .task(let line): line.count
            case .engine: (context.content?.size ?? 0) + Self.usualEnvelope
            }
        }

        /// Appends its line, at the time when a process gets it.
        func write(to outbox: inout [UInt8]) {
            switch origin {
            case .task(let line): outbox += line
            case .engine:
                if let content = context.content { HandlerRequest.append(content.payload, context, to: &outbox) }
            }
        }
    }

    func accept(_ attempts: [DirectAttempt], of engine: Engine) {
        let lender = lenders.add(attempts.count, of: engine)
        let now = MonotonicTime.nanoseconds
        for attempt in attempts {
            if let content = attempt.begin(at: now, engine.startLimit) {
                accept(attempt, lender, content)
            } else {
                lenders.giveBack(attempt, to: lender)
            }
        }
    }

    private func accept(_ attempt: DirectAttempt, _ lender: Int, _ content: JobContent) {
        let job = LoopJob(Job(JobContext(content), .engine(attempt, lender: lender)))
        let ticket = jobs.insert(job)
        attempt.batch.handlerTicket = ticket
        do {
            try FailPoint.attemptStarting.check()
        } catch {
            return finish(ticket, .failure(error))
        }
        guard !state.isClosing else { return finish(ticket, .failure(HandlerError.closed)) }
        state.submit(ticket, bytes: job.content.bytes)
    }

    /// Has a process that heeds words told when the worker wants the job in its hands to stop, or that it does already.
    ///
    /// To be called when the process has come to another job, or has said that it heeds words.
    func listen(_ child: ChildID) {
        guard let ticket = state.ticket(of: child), state.listener(of: ticket) == child, let job = jobs[ticket] else {
            return
        }
        if job.isToStop {
            // It was told of while no process that heeds words had it in hand.
            table.send(HandlerRequest.stop(job.content.id), to: child)
        } else if !job.isListening {
            job.isListening = true
            job.content.context.whenStopping { [inbox] in _ = inbox.send(.stop(job)) }
        }
    }

    /// A job has ended, of which its process may not know; it is told once.
    func end(_ job: LoopJob<Job>, _ result: Result<Void, any Error>) {
        switch job.content.origin {
        case .task: if let task = job.takeContinuation() { ended.append(Ended(task: task, result: result)) }
        case .engine(let attempt, let lender):
            guard attempt.batch.handlerTicket.take() != nil, let engine = lenders[lender] else { return }
            if attempt.end(result, of: engine) { lenders.giveBack(attempt, to: lender) } else { lenders.leave(lender) }
        }
    }

    /// Hands attempts back that have ended, all at once: those that run next then come together, too.
    ///
    /// - Returns: whether there were any.
    func handBack() -> Bool {
        let returned = lenders.takeReturned()
        for (engine, attempts) in returned { engine.noteReturned(attempts) }
        return !returned.isEmpty
    }
}
