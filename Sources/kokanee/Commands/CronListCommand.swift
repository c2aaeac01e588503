internal import Kokanee
internal import RdKafka

extension Command {
    static let cronList = Command(
        name: "list",
        summary: "Lists a queue's schedules, each with its next five times.",
        examples: [.init("kokanee cron list books --json", "a line a schedule, for programs")],
        arguments: [Argument("QUEUE", "the queue"), Argument("NAME", minimum: 0, "the schedule; else all")],
        run: { context in
            let queue = try context.values.queue(context.arguments[0])
            let desk = try ScheduleDesk(try await context.connect(to: queue).configuration)
            var entries = try await desk.entries(queue: queue)
            if let name = context.arguments.dropFirst().first {
                _ = try await desk.existing(name, queue: queue.name)
                entries.removeAll { $0.record.schedule.name != name }
            }
            guard !entries.isEmpty else { return context.console.say("queue \(queue.name) has no schedules") }
            if context.console.isJSON {
                for entry in entries { try context.console.print(json(entry, context.console.redaction)) }
            } else {
                try context.console.print(table(entries))
            }
        }
    )

    /// A row for each of a schedule's next times.
    private static func table(_ entries: [ScheduleDesk.Entry]) -> Table {
        var table = Table(
            [.text("name"), .text("type"), .text("schedule"), .text("state"), .text("last"), .text("next")]
        )
        for entry in entries {
            let schedule = entry.record.schedule
            let last = entry.state?.firing.map { schedule.zone.text($0.tick) } ?? "never"
            let times = "\(schedule.times.text) \(schedule.zone.name)"
            let state = entry.record.isPaused ? "paused" : "active"
            let next = schedule.nextTimes(5, after: Timestamp.now).map { schedule.zone.text($0) }
            table.add([schedule.name, schedule.type, times, state, last, next.first ?? "never"])
            for time in next.dropFirst() { table.add(["", "", "", "", "", time]) }
        }
        return table
    }

    private static func json(_ entry: ScheduleDesk.Entry, _ redaction: Redaction) -> JSONObjectWriter {
        let (record, schedule) = (entry.record, entry.record.schedule)
        func text(_ time: Int64) -> String { schedule.zone.text(time) }
        var object = JSONObjectWriter()
        object.add("queue", record.queue)
        object.add("name", schedule.name)
        object.add("type", schedule.type)
        object.add("version", schedule.version)
        object.add("schedule", schedule.times.text)
        object.add("timezone", schedule.zone.name)
        if let payload = schedule.payload, JSONText.isValid(payload) {
            let payload = redaction.json(payload)
            object.add("data", json: payload.span.bytes)
        }
        if let key = schedule.key { object.add("key", key) }
        object.add("jitterSeconds", Double(schedule.jitter.milliseconds) / 1000)
        object.add("overlap", schedule.overlap.text)
        object.add("misfire", schedule.misfire.text)
        object.add("misfireThresholdSeconds", Double(schedule.misfireThreshold.milliseconds) / 1000)
        object.add("paused", record.isPaused)
        object.add("next", schedule.nextTimes(5, after: Timestamp.now).map(text))
        if let firing = entry.state?.firing {
            object.add("lastTick", text(firing.tick))
            object.add("lastFiredAt", text(firing.at))
            object.add("lastJob", firing.job)
        }
        object.add("fired", entry.state?.fired ?? 0)
        object.add("skipped", entry.state?.skipped ?? 0)
        object.add("source", record.source.rawValue)
        object.add("by", record.by)
        object.add("at", Timestamp.text(record.at))
        return object
    }

    static let cronPause = pausing(
        true,
        "pause",
        "Lets a schedule rest: its ticks pass, and are not made up for.",
        ("is paused", "is paused already")
    )

    static let cronResume = pausing(
        false,
        "resume",
        "Lets a paused schedule go on, from now.",
        ("goes on", "is not paused")
    )

    private static func pausing(
        _ isPaused: Bool,
        _ name: String,
        _ summary: String,
        _ words: (done: String, nothing: String)
    ) -> Command {
        Command(
            name: name,
            summary: summary,
            examples: [.init("kokanee cron \(name) books nightly", "")],
            arguments: cronArguments,
            options: [cronBy],
            run: { context in
                let queue = try context.values.queue(context.arguments[0]).name
                let desk = try ScheduleDesk(try await context.connect().configuration)
                let name = context.arguments[1]
                let isNews = try await desk.setPaused(isPaused, name, queue: queue, by: try context.operatorName)
                guard !context.console.isJSON else {
                    return try context.console.print(scheduleChange(name, queue, "paused", isPaused, isNews))
                }
                context.console.say(isNews ? "\(name) \(words.done)" : "nothing to do: \(name) \(words.nothing)")
            }
        )
    }

    /// For programs: how a schedule stands, and whether that is news.
    private static func scheduleChange(
        _ name: String,
        _ queue: String,
        _ state: String,
        _ holds: Bool,
        _ isNews: Bool
    ) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("queue", queue)
        object.add("name", name)
        object.add(state, holds)
        object.add("changed", isNews)
        return object
    }

    static let cronRun = Command(
        name: "run",
        summary: "Enqueues a schedule's job now, whether it is paused or not, and prints the job's id.",
        discussion: "The job is no tick's: ticks come as if nothing had been, and none waits for it.",
        examples: [.init("kokanee cron run books nightly", "")],
        arguments: cronArguments,
        run: { context in
            let queue = try context.values.queue(context.arguments[0])
            let client = try await context.connect().configuration
            let record = try await ScheduleDesk(client).existing(context.arguments[1], queue: queue.name)
            let jobs = try JobClient(client, source: "kokanee/schedule/\(queue.name)/\(record.schedule.name)")
            let enqueued = try await jobs.enqueue(record.jobByHand(at: Timestamp.now), to: queue)
            await jobs.close()
            guard context.console.isJSON else { return try context.console.print(enqueued.id) }
            var object = JSONObjectWriter()
            object.add("id", enqueued.id)
            object.add("topic", enqueued.topic)
            object.add("partition", enqueued.partition)
            object.add("offset", enqueued.offset)
            try context.console.print(object)
        }
    )

    static let cronRemove = Command(
        name: "remove",
        summary: "Takes a schedule away. Jobs that it has enqueued stay.",
        discussion: "One that a worker's configuration defines comes back with that worker: pause it instead.",
        examples: [.init("kokanee cron remove books nightly", "")],
        arguments: cronArguments,
        run: { context in
            let queue = try context.values.queue(context.arguments[0]).name
            let desk = try ScheduleDesk(try await context.connect().configuration)
            let name = context.arguments[1]
            let isNews = try await desk.remove(name, queue: queue)
            guard !context.console.isJSON else {
                return try context.console.print(scheduleChange(name, queue, "removed", true, isNews))
            }
            context.console.say(
                isNews ? "\(name) is removed" : "nothing to do: queue \(queue) has no schedule \(name)"
            )
        }
    )
}
