internal import Kokanee
internal import RdKafka

// Orders to the workers of a queue. Each is given once for the whole fleet, and giving it twice changes nothing.

extension Command {
    private static let fleetOptions: [Option] = [
        .value("by", "WHO", "who does it, for the record", default: "USER@HOST")
    ]
    private static let reasonOption = Option.value("reason", "TEXT", "why, for the record and for status")
    private static let typeOption = Option.value("type", "T", "only jobs of this type", isRepeatable: true)

    static let pause = Command(
        name: "pause",
        summary: "Has no more jobs of a queue, or of a type, start, anywhere.",
        discussion: """
            Workers obey within a second; what runs goes on, offsets stay, and workers that start later obey as well. What \
            is enqueued meanwhile waits. The queue's schedules go on firing, and what they enqueue waits, too. `resume` takes \
            it back.
            """,
        examples: [
            .init("kokanee pause mail --reason \"the relay is moved\"", "the whole queue"),
            .init("kokanee pause mail --type newsletter", "one type; the others go on"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [typeOption, reasonOption] + fleetOptions,
        run: { context in
            let (queue, control) = try await fleet(context)
            let types = try context.values.filledTypes()
            let reason = try context.values.recordText("reason")
            let changes = try await control.pause(queue, types: types, by: try context.operatorName, reason: reason)
            try tell(changes, queue, context)
            for line in await firing(of: queue, types, context) { context.console.say(line) }
        }
    )

    static let resume = Command(
        name: "resume",
        summary: "Lets jobs of a paused or drained queue, or of a paused type, start again.",
        discussion: "A type that was paused by itself stays so until it is named.",
        examples: [
            .init("kokanee resume mail", "the whole queue"),
            .init("kokanee resume mail --type newsletter", "one type"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [typeOption] + fleetOptions,
        run: { context in
            let (queue, control) = try await fleet(context)
            let types = try context.values.filledTypes()
            let changes = try await control.resume(queue, types: types, by: try context.operatorName)
            try tell(changes, queue, context)
            guard types.isEmpty, !context.console.isJSON else { return }
            for left in try await control.orders(of: queue).pausedTypes {
                let type = left.type ?? ""
                context.console.say("type \(type) of \(queue.name) stays paused, by \(left.words)".onOneLine)
            }
        }
    )

    static let drain = Command(
        name: "drain",
        summary: "Has workers finish what they have taken in, and waits until nothing of a queue runs.",
        discussion: """
            Nothing new is taken in, by no worker, until `resume`. A worker has taken in what it has read and not begun, too, \
            a few thousand jobs at most. What it waits for is said while it does: a job of a paused type, or one that a \
            limit holds, keeps it waiting for as long as that lasts. With --timeout it gives up waiting after that time, with exit code 1; the queue \
            goes on being drained, as it does where the command is interrupted.
            """,
        examples: [
            .init("kokanee drain mail --reason upgrade --timeout 5m", "and then stop the workers"),
            .init("kokanee resume mail", "takes it back"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [.value("timeout", "D", "how long to wait at most", default: "for ever"), reasonOption] + fleetOptions,
        run: runDrain
    )

    static let cancel = Command(
        name: "cancel",
        summary: "Has jobs never run again, whether they wait, are delayed, or run.",
        discussion: """
            A job that waits, however long, is discarded when it comes up; one that runs is asked to end, and not retried. \
            Of one that is done already nothing becomes otherwise, and nobody can tell. A cancellation stands for a week \
            longer than the queue's longest rung; until then a job that is enqueued with the same id is discarded, too.
            """,
        examples: [
            .init("kokanee cancel mail 0198f2c1-5a3e-7c55-9d5c-3f8a1b2c4d5e", "one job"),
            .init("kokanee cancel mail ORDER-17 ORDER-18 --reason \"sent twice\"", "several"),
            .init("kokanee cancel mail ORDER-17 --undo", "it may run after all, if it has not come up"),
        ],
        arguments: [Argument("QUEUE", "the queue"), Argument("ID", minimum: 1, maximum: .max, "a job's id")],
        options: [.flag("undo", "take the cancellations back"), reasonOption] + fleetOptions,
        run: runCancel
    )

    private static func fleet(_ context: Context) async throws -> (Queue, QueueControl) {
        let queue = try context.values.queue(context.arguments[0])
        return (queue, try QueueControl(try await context.connect().configuration))
    }

    // MARK: - Pauses

    /// What there is to say of schedules that go on firing while their jobs are paused. That they can't be read is no
    /// reason to fail: the pause stands by now.
    private static func firing(of queue: Queue, _ types: [String], _ context: Context) async -> [String] {
        guard let cluster = try? await context.connect(), let desk = try? ScheduleDesk(cluster.configuration),
            let entries = try? await desk.entries(queue: queue)
        else { return [] }
        let schedules = entries.filter { !$0.record.isPaused }.map(\.record.schedule)
        return FleetReport.firing(schedules, queue: queue.name, types: types)
    }

    private static func tell(_ changes: [QueueControl.Change], _ queue: Queue, _ context: Context) throws {
        for change in changes {
            if context.console.isJSON {
                try context.console.print(FleetReport.json(change, queue: queue))
            } else {
                context.console.say(FleetReport.line(change, queue: queue))
            }
        }
    }

    private static func runDrain(_ context: Context) async throws {
        let limit = try context.values.duration("timeout")
        let reason = try context.values.recordText("reason")
        let name = try context.operatorName
        let (queue, control) = try await fleet(context)
        let change = try await control.drain(queue, by: name, reason: reason)
        if !context.console.isJSON { context.console.say(FleetReport.line(change, queue: queue)) }
        guard let word = change.now else { return }
        let start = ContinuousClock.now
        var teller = DrainTeller(queue: queue.name)
        while true {
            let progress = try await control.progress(of: word, in: queue)
            if progress.isDone { return try tell(progress, queue, context) }
            guard try await control.orders(of: queue).pause?.at == word.at else {
                throw Failure("\(queue.name) has got another order meanwhile: see kokanee status \(queue.name)")
            }
            let time = ContinuousClock.now - start
            for line in teller.lines(progress, time: time) { context.console.say(line) }
            if let limit, time >= limit {
                let line = FleetReport.line(progress)
                throw Failure("\(queue.name) is not drained after \(limit.text): \(line); it goes on being drained")
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private static func tell(_ progress: DrainProgress, _ queue: Queue, _ context: Context) throws {
        guard !context.console.isJSON else {
            return try context.console.print(FleetReport.json(progress, queue: queue))
        }
        for name in progress.silent {
            context.console.say("worker \(name) has been silent for half a minute, and counts as gone".onOneLine)
        }
        let who =
            progress.obeying.isEmpty
            ? "no worker reports" : "\(progress.obeying.count) worker\(progress.obeying.count == 1 ? "" : "s") at rest"
        context.console.say("\(queue.name) is drained: nothing of it runs (\(who))")
    }

    // MARK: - Jobs

    private static func runCancel(_ context: Context) async throws {
        let ids = Array(context.arguments.dropFirst())
        for id in ids {
            do throws(InputError) { try QueueControl.validate(id) } catch { throw context.values.error("ID: \(error)") }
        }
        let reason = try context.values.recordText("reason")
        let name = try context.operatorName
        let (queue, control) = try await fleet(context)
        guard !context.values.isSet("undo") else {
            let standing = Set(try await control.takeBack(ids, of: queue).map(\.id))
            for id in ids {
                let stood = standing.contains(id)
                if context.console.isJSON {
                    try context.console.print(FleetReport.json(id: id, isCancelled: false, changed: stood))
                } else {
                    let what = stood ? "is not cancelled any more; it runs if it has not come up" : "was not cancelled"
                    context.console.say("job \(id) \(what)".onOneLine)
                }
            }
            return
        }
        let results = try await control.cancel(ids, of: queue, by: name, reason: reason)
        for result in results {
            if context.console.isJSON {
                try context.console.print(
                    FleetReport.json(id: result.cancellation.id, isCancelled: true, changed: !result.stoodBefore)
                )
            } else {
                context.console.say(FleetReport.line(result))
            }
        }
        context.console.say("a job that was done already stays done: of that nobody can tell here")
    }
}

extension OptionValues {
    fileprivate func filledTypes() throws(UsageError) -> [String] {
        _ = try filled("type")
        return strings("type")
    }
}
