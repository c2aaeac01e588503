internal import Foundation
internal import Kokanee
internal import RdKafka

extension Command {
    static let broker = Command(
        name: "broker",
        summary: "Runs the embedded broker until interrupted.",
        discussion: """
            The first line on stdout is bootstrap.servers=HOST:PORT. The broker keeps everything in memory, 5 MiB a \
            partition at most, and is for development and tests.
            """,
        examples: [
            .init("kokanee broker --queue orders --write-config dev.properties", "then: kokanee -F dev.properties …"),
            .init("kokanee broker --queue orders --queue mail --ladder 1s,5s", "two queues with short ladders"),
        ],
        options: [
            .value("queue", "QUEUE", "make the topics of this queue", isRepeatable: true),
            .value("brokers", "N", "how many there are in the cluster", default: "1"),
            .value("partitions", "N", "partitions of each topic", default: "\(TopicLayout.defaultPartitions)"),
            .value("ladder", "LIST", "the delays of the retry ladder", default: "\(Ladder.standard)"),
            .flag("priorities", "make topics for jobs of high and low priority, too"),
            .value("write-config", "FILE", "write client properties for -F there"),
        ],
        interruption: .isHandled,
        run: runBroker
    )

    private static func runBroker(_ context: Context) async throws {
        let values = context.values
        let partitions = try values.integer("partitions", in: 1...10_000) ?? TopicLayout.defaultPartitions
        let brokers = try values.integer("brokers", in: 1...100) ?? 1
        let ladder = try values.ladder()
        let queues = try values.strings("queue").map { try values.queue($0, ladder: ladder) }

        let broker = try EmbeddedBroker(brokers: brokers, log: Connection.log(to: context.console.logger()))
        var made: Set<String> = []
        let priorities: Set<Priority> = values.isSet("priorities") ? [.high, .low] : []
        for topic in queues.flatMap({ TopicLayout(queue: $0, partitions: partitions, priorities: priorities).topics })
        where made.insert(topic.name).inserted {
            try broker.createTopic(topic.name, partitions: topic.partitions, replicationFactor: brokers)
        }
        let servers = broker.bootstrapServers
        if let path = values.string("write-config") {
            do {
                // Atomically: who waits for the file to appear finds it whole.
                try Data("bootstrap.servers=\(servers)\n".utf8).write(to: URL(filePath: path), options: .atomic)
            } catch {
                throw Failure("can't write \(path): \(error.localizedDescription)")
            }
        }
        if context.console.isJSON {
            var object = JSONObjectWriter()
            object.add("bootstrap.servers", servers)
            try context.console.print(object)
        } else {
            try context.console.print("bootstrap.servers=\(servers)")
        }
        for queue in queues {
            context.console.say("queue \(queue.name): \(partitions) partitions, ladder \(queue.ladder)")
        }
        await context.interruption.wait()
        withExtendedLifetime(broker) {}
    }
}

extension OptionValues {
    /// What `--ladder` says; the standard one where it is not there.
    func ladder() throws(UsageError) -> Ladder {
        try parsed("ladder") { try Ladder(text: $0) } ?? .standard
    }

    /// - Throws: ``UsageError`` where the name can't be a queue's.
    func queue(
        _ name: String,
        ladder: Ladder = .standard,
        defaultType: String = "default",
        group: String? = nil
    ) throws(UsageError) -> Queue {
        do {
            return try Queue(name, ladder: ladder, defaultType: defaultType, group: group)
        } catch {
            throw self.error("\(error)")
        }
    }
}
