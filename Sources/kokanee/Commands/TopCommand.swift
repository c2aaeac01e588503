internal import Kokanee
internal import RdKafka

extension Command {
    static let top = Command(
        name: "top",
        summary: "Shows how queues stand, as status does, live and full screen, until q or Ctrl-C.",
        discussion: """
            Without QUEUE all queues on the cluster, those too that come later. finished and arrived are what the main \
            topic's committed offsets and its ends have moved by since the look before. A later look that fails does \
            not end it. A look asks the brokers for what status asks for, which is the queue's whole state topic where there are \
            dead letters: a longer interval spares them. Between two looks it rests at least as long as the last took.
            """,
        examples: [
            .init("kokanee top", "every queue"),
            .init("kokanee top orders mail -v", "two queues, with each partition"),
            .init("kokanee top orders --interval 10s", "a look every ten seconds"),
        ],
        arguments: [Argument("QUEUE", minimum: 0, maximum: 64, "the queue, or several")],
        options: [
            .value("interval", "D", "the time between two looks, from 200ms to 1h", default: "2s")
        ] + QueueLookup.options,
        interruption: .isHandled,
        run: runTop
    )

    private static func runTop(_ context: Context) async throws {
        let values = context.values
        let group = values.string("group")
        let interval = try lookInterval(values)
        let stalledAfter = try values.duration("stalled-after") ?? .seconds(60)
        let named = try context.arguments.map { try values.queue($0, group: group) }
        guard group == nil || named.count == 1 else { throw values.error("--group is for one QUEUE") }
        guard Set(context.arguments).count == named.count else { throw values.error("a queue is named twice") }
        try requireTerminal(context)

        let words = HeldWords(else: context.console)
        let screen = Screen(console: context.console)
        defer {
            screen.close()
            words.letGo()
        }
        let console = words.console(context)
        do {
            try await context.untilInterrupted {
                let quiet = Context(
                    values: values,
                    console: console,
                    interruption: context.interruption,
                    environment: context.environment
                )
                let client = try await quiet.connect().configuration
                let live = LiveStatus(
                    lookup: try QueueLookup(client, stalledAfter: stalledAfter, console: console),
                    named: named,
                    interval: interval,
                    showsPartitions: context.console.verbosity == .verbose,
                    screen: screen,
                    words: words,
                    servers: client.bootstrapServers,
                    end: { context.interruption.request() }
                )
                try await live.run(every: values.string("interval") ?? "2s")
            }
        } catch is CancellationError where context.interruption.isRequested && screen.isOpen {
            // That is how it is meant to end, once there is something to see.
        }
    }

    private static func lookInterval(_ values: OptionValues) throws(UsageError) -> Duration {
        let interval = try values.duration("interval") ?? .seconds(2)
        guard (.milliseconds(200)...(.seconds(3600))).contains(interval) else {
            throw values.error("--interval is from 200ms to 1h, not \(values.string("interval") ?? "")")
        }
        return interval
    }

    private static func requireTerminal(_ context: Context) throws(UsageError) {
        let (console, name) = (context.console, context.environment["TERM"] ?? "")
        guard !console.isJSON else {
            throw context.values.error("top draws on a terminal; for programs there is: kokanee status --json")
        }
        guard console.isOutputTerminal else {
            throw context.values.error("top draws on a terminal, and stdout is none; use: kokanee status")
        }
        guard !name.isEmpty, name != "dumb" else {
            let why = name.isEmpty ? "TERM is not set" : "TERM is dumb"
            throw context.values.error("top moves the terminal's cursor, and \(why); use: kokanee status")
        }
    }
}
