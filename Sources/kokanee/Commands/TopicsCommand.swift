internal import Kokanee
internal import RdKafka

extension Command {
    static let topics = Command(
        name: "topics",
        summary: "Creates and checks the topics of queues.",
        examples: [.init("kokanee topics show orders", "compares what is there with what should be")],
        subcommands: [topicsCreate, topicsShow]
    )

    private static let partitionsOption = Option.value(
        "partitions",
        "N",
        "partitions of each topic",
        default: "as the main topic, else \(TopicLayout.defaultPartitions)"
    )

    private static let prioritiesOption = Option.flag("priorities", "topics for jobs of high and low priority, too")

    private static let topicsCreate = Command(
        name: "create",
        summary: "Creates, or completes, the topics of a queue.",
        discussion: """
            Topics that are there are left as they are; without --ladder a queue that has rungs gets no others. A broker \
            without CreateTopics, such as the embedded one, makes topics of \(TopicLayout.defaultPartitions) partitions \
            when they are first named, which is enough where so many are asked for.
            """,
        examples: [
            .init("kokanee topics create orders --partitions 12", "on the broker's default replication factor"),
            .init("kokanee topics create orders --priorities", "with orders.high and orders.low beside orders"),
            .init("kokanee topics create orders --ladder 10s,1m,1h", "with a ladder of its own"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: [
            partitionsOption,
            .value("replication-factor", "N", "replicas of each partition", default: "the broker's"),
            prioritiesOption,
            .ladder,
        ],
        run: { context in
            let values = context.values
            let asked = try values.queue(context.arguments[0], ladder: values.ladder())
            let partitions = try values.integer("partitions", in: 1...10_000)
            let replicationFactor = try values.integer("replication-factor", in: 1...100)
            let cluster = try await context.connect()
            let queue = try await cluster.queue(asked, values)
            let inspection = try await cluster.topics.create(
                queue,
                partitions: partitions,
                priorities: values.isSet("priorities") ? [.high, .low] : [],
                replicationFactor: replicationFactor
            )
            try context.console.printBeside { try show(inspection, context.console) }
            if queue.ladder != asked.ladder {
                context.console.say("\(queue.name) has the ladder \(queue.ladder); --ladder makes other rungs")
            }
            guard inspection.fits else {
                throw Failure("topics of \(queue.name) are there and not as they should be; change them by hand")
            }
            if inspection.created.isEmpty {
                context.console.say("nothing to do: all topics of \(queue.name) are there")
            }
        }
    )

    private static let topicsShow = Command(
        name: "show",
        summary: "Compares the topics of a queue with what they should be.",
        discussion: "Exits 1 where one is missing or differs. A rung that is missing is one that --ladder names.",
        examples: [.init("kokanee topics show orders --json", "a line a topic, for programs")],
        arguments: [Argument("QUEUE", "the queue")],
        options: [partitionsOption, prioritiesOption, .ladder],
        run: { context in
            let values = context.values
            let asked = try values.queue(context.arguments[0], ladder: values.ladder())
            let partitions = try values.integer("partitions", in: 1...10_000)
            let cluster = try await context.connect()
            let queue = try await cluster.queue(asked, values)
            let inspection = try await cluster.topics.inspect(
                queue,
                partitions: partitions,
                priorities: values.isSet("priorities") ? [.high, .low] : []
            )
            try context.console.printBeside { try show(inspection, context.console) }
            guard inspection.missing.isEmpty else {
                throw Failure("topics of \(queue.name) are missing; create them with: \(inspection.command)")
            }
            guard inspection.fits else { throw Failure("topics of \(queue.name) are not as they should be") }
        }
    )

    private static func show(_ inspection: TopicInspection, _ console: Console) throws {
        var table = Table([.text("topic"), .number("partitions"), .text("state")])
        for (topic, finding) in inspection.findings {
            let (state, differences): (String, [String]) =
                switch finding {
                case .missing: ("missing", [])
                case .differs(let differences): ("differs", differences)
                case .fits: (inspection.created.contains(topic.name) ? "created" : "ok", [])
                }
            guard console.isJSON else {
                let text = differences.isEmpty ? state : "\(state): \(differences.joined(separator: "; "))"
                table.add([topic.name, "\(topic.partitions)", text])
                continue
            }
            var object = JSONObjectWriter()
            object.add("topic", topic.name)
            object.add("partitions", topic.partitions)
            object.add("state", state)
            object.add("differences", differences)
            object.add("found", orNull: inspection.found[topic.name])
            try console.print(object)
        }
        try console.print(table)
    }
}

extension Option {
    static let ladder = Option.value(
        "ladder",
        "LIST",
        "the delays of the retry ladder, such as 1m,5m,1h",
        default: "the rungs that there are, else \(Ladder.standard)"
    )
}
