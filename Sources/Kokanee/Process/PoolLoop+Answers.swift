internal import RdKafka

// What processes write to their standard outputs.

extension PoolLoop {
    private static let stoppedUnasked: any Error = JobError.retry(
        "the handler answered \"stopped\", though nobody had asked it to stop"
    )

    func answers(_ child: ChildID, _ lines: LineBatch) {
        var count = 0
        let slot = state.slot(of: child)
        lines.drain { if answer(child, slot, $0) { count += 1 } }
        guard count > 0 else { return }
        state.paced(child, answers: count, .now)
        table.dropEarlierErrors(of: child)
        listen(child)
    }

    /// - Returns: whether the line ended a job.
    private func answer(_ child: ChildID, _ slot: Int?, _ line: UnsafeRawBufferPointer) -> Bool {
        guard let slot, let job = state.ticket(inSlot: slot).flatMap({ jobs[$0] }) else {
            if state.isKnown(child), !greet(child, line) {
                state.spokeUnasked(child)
                logger.log(
                    .warning,
                    "a handler process wrote something without a job in its hands",
                    ["pid": pid(child), "line": String(decoding: line.prefix(200), as: UTF8.self)]
                )
            }
            return false
        }
        do throws(HandlerMessage.Failure) {
            var result: Result<Void, any Error>
            let context = job.content.context
            switch try message(line, job, child) {
            case nil: return false
            case .progress(let share, let note):
                context.progress(share, note)
                return false
            case .checkpoint(let value):
                context.leaveCheckpoint(value)
                return false
            case .extend(let time):
                state.extend(inSlot: slot, by: time, .now)
                // The pool minds the deadline; who watches the worker sees it there.
                context.extend(by: time)
                return false
            case .effect(let effect):
                context.effects.log?.note(effect)
                return false
            case .completed(let value):
                result = Result { if let value { try context.setResult(Bytes(value)) } }
            case .stopped:
                // Unasked it would come again at once, and stop again, for ever and uncounted.
                let isAsked = job.isToStop || state.isAsked(inSlot: slot) || context.isStopping
                result = .failure(isAsked ? JobStop() : Self.stoppedUnasked)
            case .retry(let delay, let error): result = .failure(JobError.retry(after: delay, error))
            case .deadLetter(let error): result = .failure(JobError.deadLetter(error))
            }
            if let ticket = state.answered(inSlot: slot) {
                if case .failure = result, let timedOut = overrun.removeValue(forKey: ticket) {
                    result = .failure(timedOut)
                }
                finish(ticket, result)
            }
            return true
        } catch {
            // Of one that is given up only answers count: a traceback has many lines, and the job in hand wrote none of them.
            if !state.isCondemned(child) { discard(child, "\(error)", mayFinish: true) }
            return false
        }
    }

    /// What a line says of the job in hand; nil is that it is a greeting, which may come when the first job is there already.
    private func message(
        _ line: UnsafeRawBufferPointer,
        _ job: LoopJob<Job>,
        _ child: ChildID
    ) throws(HandlerMessage.Failure) -> HandlerMessage? {
        do throws(HandlerMessage.Failure) {
            return try HandlerMessage(line: line, id: job.content.id)
        } catch {
            guard greet(child, line) else { throw error }
            return nil
        }
    }

    /// Takes in what a process says of itself. False if the line is none of that.
    private func greet(_ child: ChildID, _ line: UnsafeRawBufferPointer) -> Bool {
        guard let hello = HandlerHello(line) else { return false }
        state.greeted(child, canCancel: hello.canCancel)
        listen(child)
        return true
    }
}
