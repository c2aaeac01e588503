internal import Kokanee
internal import RdKafka

extension Command {
    static let cron = Command(
        name: "cron",
        summary: "Jobs that are enqueued again and again, by the clock.",
        discussion: """
            A schedule is [SECOND] MINUTE HOUR DAY MONTH WEEKDAY, or @hourly, @daily, @weekly, @monthly, @yearly, or \
            @every 5m. The queue's workers fire it: each tick once, whichever of them die. docs/schedules.md says the rest.
            """,
        examples: [
            .init(
                "kokanee cron add books nightly --type books.close --schedule '0 2 * * *' --timezone Europe/Oslo",
                ""
            ),
            .init("kokanee cron list books", "each with its next five times"),
        ],
        subcommands: [cronAdd, cronList, cronPause, cronResume, cronRun, cronRemove]
    )

    static let cronArguments = [Argument("QUEUE", "the queue"), Argument("NAME", "the schedule")]
    static let cronBy = Option.value("by", "WHO", "who does it, for the record", default: "USER@HOST")

    private static let cronAdd = Command(
        name: "add",
        summary: "Writes down a schedule, or replaces one.",
        discussion: """
            It fires from now on, as soon as the queue has a worker. One that is there is replaced if it differs, and what \
            is different is said.
            """,
        examples: [
            .init(
                "kokanee cron add books nightly --type books.close --schedule '0 2 * * *' --timezone Europe/Oslo",
                "every night at two, summer and winter"
            ),
            .init(
                "kokanee cron add feeds poll --type feed.poll --schedule '@every 30s' --overlap skip --misfire ignore",
                "none while the last one runs, and nothing made up for"
            ),
            .init(
                "kokanee cron add mail digest --type mail.digest --schedule '0 8 ? * MON#1' --jitter 10m",
                "on each month's first Monday, not all at once"
            ),
        ],
        arguments: cronArguments,
        options: [
            .value("type", "TYPE", "the jobs' type"),
            .value("schedule", "EXPR", "when"),
            .value("timezone", "Z", "whose clock, such as Europe/Oslo", default: "UTC"),
            .value("data", "JSON", "the jobs' payload", default: "none"),
            .value("payload-version", "N", "the payload's version", default: "1"),
            .value("key", "KEY", "the jobs' ordering key", default: "none"),
            .value("jitter", "D", "fire each tick later by up to this", default: "0s"),
            .value(
                "overlap",
                "POLICY",
                "a tick while the job before it has not come to its end: passed over, in line behind it, or beside it",
                default: "allow",
                choices: ["skip", "queue", "allow"]
            ),
            .value(
                "misfire",
                "POLICY",
                "ticks that no worker was there for: the last of them, none, or the last N: once, ignore, catch-up:N",
                default: "once"
            ),
            .value("misfire-threshold", "D", "how late a tick may be, and counts as in time", default: "60s"),
            cronBy,
        ],
        run: { context in
            let queue = try context.values.queue(context.arguments[0])
            let schedule = try schedule(context)
            let by = try context.operatorName
            let cluster = try await context.connect()
            try await cluster.require(queue, [queue.mainTopic, queue.stateTopic])
            let desk = try ScheduleDesk(cluster.configuration)
            let change = try await desk.put(schedule, queue: queue.name, by: by)
            try report(change, schedule, queue, context.console)
        }
    )

    private static func schedule(_ context: Context) throws -> Schedule {
        let values = context.values
        let text = try values.requiredString("schedule")
        do {
            _ = try CronExpression(text)
        } catch {
            throw values.error("--schedule:\n\(error.pointed)")
        }
        let zone = try values.parsed("timezone") { try ZoneRules($0) } ?? .utc
        var schedule: Schedule
        do {
            schedule = try Schedule(context.arguments[1], type: try values.requiredString("type"), at: text)
        } catch let error as InputError {
            throw values.error("\(error)")
        }
        schedule.zone = zone
        if let version = try values.payloadVersion { schedule.version = version }
        if let data = values.string("data").map({ Array($0.utf8) }) {
            do {
                try JSONText.validate(data)
            } catch {
                throw Failure("--data is \(error); strings want quotes of their own: --data '\"text\"'", code: .input)
            }
            schedule.payload = data
            schedule.contentType = "application/json"
        }
        schedule.key = values.string("key")
        if let jitter = try values.duration("jitter") { schedule.jitter = jitter }
        if let overlap = values.string("overlap").flatMap(Schedule.Overlap.init) { schedule.overlap = overlap }
        if let text = values.string("misfire") {
            guard let misfire = Schedule.Misfire(text: text) else {
                throw values.error(
                    "--misfire is once, ignore or catch-up:N with N from 1 to \(Schedule.Misfire.mostCaughtUp), not \(text)"
                )
            }
            schedule.misfire = misfire
        }
        if let threshold = try values.duration("misfire-threshold") { schedule.misfireThreshold = threshold }
        do {
            try schedule.validate()
        } catch {
            throw values.error("\(error)")
        }
        return schedule
    }

    private static func report(
        _ change: ScheduleDesk.Change,
        _ schedule: Schedule,
        _ queue: Queue,
        _ console: Console
    ) throws {
        let now = Timestamp.now
        let next = schedule.nextTimes(5, after: now)
        let (word, changes): (String, [String]) =
            switch change {
            case .added: ("added", [])
            case .unchanged: ("unchanged", [])
            case .replaced(let changes): ("replaced", changes.map(console.redaction.text))
            }
        guard !console.isJSON else {
            var object = JSONObjectWriter()
            object.add("queue", queue.name)
            object.add("name", schedule.name)
            object.add("change", word)
            object.add("changes", changes)
            object.add("next", next.map { schedule.zone.text($0) })
            return try console.print(object)
        }
        switch change {
        case .added: console.say("\(schedule.name) is added to \(queue.name)")
        case .unchanged: console.say("nothing to do: \(schedule.name) is there, and the same")
        case .replaced: console.say("\(schedule.name) was there, and is replaced: \(changes.joined(separator: "; "))")
        }
        for time in next { try console.print(schedule.zone.text(time)) }
    }
}

extension Schedule {
    /// Its next ticks.
    func nextTimes(_ count: Int, after now: Int64) -> [Int64] {
        var times: [Int64] = []
        while times.count < count, let next = self.times.next(after: times.last ?? now, in: zone) { times.append(next) }
        return times
    }
}
