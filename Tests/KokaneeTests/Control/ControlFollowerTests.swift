import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("ControlFollower", .timeLimit(.minutes(2)))
struct ControlFollowerTests {
    private final class Seen: Sendable {
        private let changes = Mutex<[String]>([])

        var texts: [String] { changes.withLock { $0 } }

        func note(_ change: ControlFollower.Change) {
            let value = change.entry.map { String(decoding: $0.value, as: UTF8.self) } ?? "gone"
            changes.withLock { $0.append("\(change.key)=\(value)\(change.isFromBefore ? " before" : "")") }
        }
    }

    private func value(_ text: String) -> [UInt8]? { Array(text.utf8) }

    @Test("it knows the newest of each key that matters, and each change of it", arguments: [1, 4])
    func newest(partitions: Int) async throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic(Queue.controlTopic, partitions: partitions)
        let configuration = ClientConfiguration(bootstrapServers: broker.bootstrapServers)
        let control = try ControlTopic(configuration)
        try await control.write([
            ("a/1", value("old")), ("b/1", value("x")), ("a/1", value("new")), ("a/2", value("y")), ("a/2", nil),
            ("c/1", value("no")),
        ])
        let seen = Seen()
        let follower = try ControlFollower(prefixes: ["a/", "b/"], configuration: configuration, changed: seen.note)
        defer { follower.stop() }
        #expect(await follower.catchUp(within: .seconds(20)))
        #expect(seen.texts == ["a/1=new before", "b/1=x before"])
        #expect(follower.entries(prefix: "a/").map(\.key) == ["a/1"])
        #expect(follower.entry("c/1") == nil)

        try await control.write([("a/3", value("z")), ("c/1", value("no")), ("b/1", nil)])
        try await eventually("the changes are seen") { seen.texts.count == 4 }
        #expect(Set(seen.texts.dropFirst(2)) == ["a/3=z", "b/1=gone"])
        #expect(follower.entries(prefix: "").map(\.key) == ["a/1", "a/3"])
    }

    @Test("without the topic it knows nothing, and waits for it")
    func noTopic() async throws {
        let broker = try EmbeddedBroker()
        let configuration = ClientConfiguration(bootstrapServers: broker.bootstrapServers)
        let follower = try ControlFollower(prefixes: ["a/"], missingLimit: .zero, configuration: configuration)
        defer { follower.stop() }
        #expect(await follower.catchUp(within: .seconds(20)))
        try broker.createTopic(Queue.controlTopic, partitions: 2)
        try await ControlTopic(configuration).write([("a/1", value("x"))])
        try await eventually("the entry is known") { follower.entry("a/1") != nil }
    }

    @Test("where no broker answers it has not caught up, and says so in time")
    func noBroker() async throws {
        let follower = try ControlFollower(
            prefixes: [""],
            configuration: ClientConfiguration(bootstrapServers: "127.0.0.1:1")
        )
        #expect(await !follower.catchUp(within: .milliseconds(200)))
    }
}
