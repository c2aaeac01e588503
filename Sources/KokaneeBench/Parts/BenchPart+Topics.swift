internal import Glibc
internal import Kokanee
internal import RdKafka

extension BenchPart {
    /// The embedded broker in a process of its own, as `kokanee broker` is; topics are made as they are asked for:
    /// `NAME PARTITIONS` a line on standard input, answered by a line.
    static func runBroker(_ input: PartInput) async throws -> Metrics {
        let broker = try EmbeddedBroker()
        ChildProcess.write(Array("\(broker.bootstrapServers)\n".utf8), to: STDOUT_FILENO)
        try await OSThread.run(name: "bench:broker") {
            while let line = PartInput.readLine() {
                let words = line.split(separator: " ")
                guard words.count == 2, let partitions = Int(words[1]) else { throw BenchError("NAME PARTITIONS") }
                do {
                    try broker.createTopic(String(words[0]), partitions: partitions)
                } catch let error as KafkaError where error.code == .topicAlreadyExists {}
                ChildProcess.write(Array("ok\n".utf8), to: STDOUT_FILENO)
            }
        }
        // The one that all this is for has ended: there is nobody to wait for.
        _exit(0)
    }

    /// On a Kafka of the user's. `control` is 1 where the topic that all queues share had to be made.
    static func createTopics(_ input: PartInput) async throws -> Metrics {
        let topics = TopicAdministrator(try AdminClient(input.client))
        let inspection = try await topics.create(try input.queue(), partitions: try input.integer("partitions"))
        return Metrics(["control": inspection.created.contains(Queue.controlTopic) ? 1 : 0])
    }

    /// Deletes a queue's topics and the groups `NAME.1` … that worked it, and what its `replays=` have of their own: ids
    /// with commas between.
    static func deleteTopics(_ input: PartInput) async throws -> Metrics {
        let admin = try AdminClient(input.client)
        let queue = try input.queue()
        for number in 1...max(1, try input.integer("groups")) {
            try? await admin.deleteGroup("\(queue.name).\(number)")
        }
        var topics = queue.allTopics
        if try input.integer("control") == 1 { topics.append(Queue.controlTopic) }
        for id in try input.text("replays").split(separator: ",") {
            let replay = try queue.replay(String(id))
            try? await admin.deleteGroup(replay.group)
            topics += replay.retryTopics + [replay.deadLetterTopic, replay.stateTopic]
        }
        // A replay that was cut short may not have made its topics.
        let failures = try await admin.deleteTopics(topics).filter { $0.value.code != .unknownTopicOrPartition }
        guard let (topic, error) = failures.min(by: { $0.key < $1.key }) else { return Metrics() }
        throw BenchError("topic \(topic) is left behind: \(error); kafka-topics --delete removes it")
    }
}
