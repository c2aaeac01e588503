internal import Kokanee
internal import KokaneeBench
internal import RdKafka

extension Command {
    static let bench = Command(
        name: "bench",
        summary: "Measures throughput, latency and memory on this machine, beside bare librdkafka in the same run.",
        discussion: """
            Each row is measured in rounds: Kokanee and the baseline in turn, each in a process of its own, against an \
            embedded broker in another. The table has the medians, the median of the rounds' ratios, and how far these are \
            apart; for a row whose target is an excess, the median of the rounds' differences in place of the ratio. \
            With -v each part's own numbers are told. All rows take most of an hour. Some are measured three times at \
            most, or once, whatever --rounds says: --list shows which. The exit code is 0 also where a target is \
            missed; --check changes that. Rows that begin with bound- have no target: they say what the processors \
            allow at most, where a target leaves them little.

            Where -b, or bootstrap.servers in -F or by -X, names a Kafka, the topics are made on that instead, and deleted \
            afterwards. -b has no default here: $KOKANEE_BOOTSTRAP_SERVER and localhost:9092 are left alone.
            """,
        examples: [
            .init("kokanee bench --quick", "the rows that take the least time, on fewer jobs"),
            .init("kokanee bench --rows 'enqueue,work*' --rounds 3", "some rows"),
            .init("kokanee bench --list", "what there is to measure, and what it is to reach"),
        ],
        options: [
            .value("rows", "LIST", "names of rows, separated by commas; * and ? as in a shell", default: "all"),
            .value("rounds", "N", "times that each row is measured, some at most three", default: "5, with --quick 3"),
            .value("scale", "F", "share of the jobs to measure with", default: "1, with --quick 0.25"),
            .flag("quick", "fewer rows, rounds and jobs"),
            .flag("check", "exit with 1 where a target is missed"),
            .flag("list", "the rows there are, without measuring any"),
        ],
        interruption: .isHandled,
        run: runBench
    )

    private static func runBench(_ context: Context) async throws {
        let values = context.values
        if values.isSet("list") { return try BenchOutput.list(context.console) }
        let kafka = try kafka(context)
        var settings = try settings(values)
        settings.cluster = kafka?.configuration.properties
        let bench: Bench
        do {
            let console = context.console
            bench = try Bench(settings) { if console.verbosity == .verbose { console.say($0) } }
        } catch let error as BenchError {
            throw values.error(error.description)
        }
        if let kafka {
            try await context.untilInterrupted { try await Cluster(connection: kafka).requireBroker() }
        }
        let machine = Machine()
        context.console.say(machine.description)
        if machine.isBusy {
            context.console.complain(
                "kokanee: this machine is busy (load \(machine.load) on \(machine.cores) cores): others take from what "
                    + "is measured"
            )
        }
        #if DEBUG
            context.console.complain("kokanee: this is a debug build, many times slower: `make bench` makes the other")
        #endif
        let output = BenchOutput(context.console, machine: machine)
        let watch = Task {
            await context.interruption.wait()
            if context.interruption.isRequested { bench.cancel() }
        }
        defer { watch.cancel() }
        try await OSThread.run(name: "kokanee:bench") { try bench.run(output.take) }
        try output.finish(isChecked: values.isSet("check"))
    }

    private static func settings(_ values: OptionValues) throws -> Bench.Settings {
        var settings = Bench.Settings()
        settings.isQuick = values.isSet("quick")
        settings.patterns = values.string("rows")?.split(separator: ",").map { String($0.trimmed) } ?? []
        settings.rounds = try values.integer("rounds", in: 1...1000) ?? (settings.isQuick ? 3 : 5)
        settings.scale = settings.isQuick ? 0.25 : 1
        if let text = values.string("scale") {
            guard let scale = Double(text), scale > 0, scale <= 1 else {
                throw values.error("--scale is a share above 0 and up to 1, not \(text)")
            }
            settings.scale = scale
        }
        return settings
    }

    /// The Kafka to measure on; nil is the embedded broker.
    ///
    /// Not from the environment: nobody is to load a Kafka that he did not name here.
    private static func kafka(_ context: Context) throws -> Connection? {
        let values = context.values
        guard ["bootstrap-server", "command-config", "property"].contains(where: values.isSet) else { return nil }
        let here = Context(
            values: values,
            console: context.console,
            interruption: context.interruption,
            environment: [:]
        )
        let connection = try here.connection()
        guard connection.namesServers else {
            throw values.error("-F and -X are for a Kafka of yours: name it too, by -b or their bootstrap.servers")
        }
        return connection
    }
}
