import Kokanee
import Testing

@Suite struct TopicLayoutTests {
    static func layout(partitions: Int = 3) throws -> TopicLayout {
        TopicLayout(queue: try Queue("orders", ladder: Ladder(text: "1s,1h")), partitions: partitions)
    }

    static func observed(_ layout: TopicLayout) -> [String: TopicLayout.Observed] {
        Dictionary(
            uniqueKeysWithValues: layout.topics.map {
                ($0.name, TopicLayout.Observed(partitions: $0.partitions, settings: $0.settings))
            }
        )
    }

    @Test("a queue has its main topic, a rung for each delay, dead letters and state, and shares the control topic")
    func names() throws {
        let topics = try Self.layout().topics
        #expect(
            topics.map(\.name) == [
                "orders", "orders.retry.1s", "orders.retry.1h", "orders.dlq", "orders.state", "kokanee.control",
            ]
        )
        #expect(topics.map(\.partitions) == [3, 3, 3, 3, 3, 1])
    }

    @Test("rungs keep their jobs for the delay and a week, stamped by the broker; state is compacted")
    func settings() throws {
        let topics = try Self.layout().topics
        #expect(topics[2].settings["retention.ms"] == String((3600 + 7 * 86_400) * 1000))
        #expect(topics[1].settings["message.timestamp.type"] == "LogAppendTime")
        #expect(topics[0].settings["message.timestamp.type"] == nil)
        #expect(topics[4].settings["cleanup.policy"] == "compact")
    }

    @Test("dead letters are kept for a year")
    func deadLetters() throws {
        let deadLetters = try Self.layout().topics[3]
        #expect(deadLetters.settings["retention.ms"] == "31536000000")
        #expect(deadLetters.settings["cleanup.policy"] == "delete")
    }

    @Test("a topic fits as it was laid out, with longer retention, and where the broker does not tell its settings")
    func fits() throws {
        let layout = try Self.layout()
        var observed = Self.observed(layout)
        observed["orders.retry.1s"] = .init(partitions: 3)
        observed["orders.dlq"] = .init(partitions: 3, settings: ["cleanup.policy": "delete", "retention.ms": "-1"])
        observed["kokanee.control"] = .init(partitions: 4)
        #expect(layout.compare(with: observed).allSatisfy { $0.finding == .fits })
    }

    @Test("the control topic is stamped by the broker and cleaned soon; one that only is compacted fits, too")
    func control() throws {
        let layout = try Self.layout()
        let control = try #require(layout.topics.last)
        #expect(control.settings["message.timestamp.type"] == "LogAppendTime")
        #expect(control.settings["segment.ms"] == "600000")
        var observed = Self.observed(layout)
        let earlier = ["cleanup.policy": "compact", "message.timestamp.type": "CreateTime", "segment.ms": "604800000"]
        observed[control.name] = .init(partitions: 1, settings: earlier)
        #expect(layout.compare(with: observed).last?.finding == .fits)
        observed[control.name] = .init(partitions: 1, settings: ["cleanup.policy": "delete"])
        #expect(
            layout.compare(with: observed).last?.finding == .differs(["cleanup.policy is delete, should be compact"])
        )
    }

    @Test("rungs and dead letters take records larger by a hop's headers than the main topic's largest")
    func messageLimits() throws {
        let queue = try Queue("orders", ladder: Ladder(text: "1s"))
        let usual = TopicLayout(queue: queue).topics
        let wide = TopicLayout(queue: queue, messageLimit: 10_000_000).topics
        let widest = TopicLayout(queue: queue, messageLimit: Int(Int32.max)).topics
        for (index, hasLimit) in [false, true, true, false, false].enumerated() {
            #expect(usual[index].settings["max.message.bytes"] == (hasLimit ? "1114124" : nil), "\(usual[index].name)")
            #expect(wide[index].settings["max.message.bytes"] == (hasLimit ? "10065536" : nil))
            #expect(widest[index].settings["max.message.bytes"] == (hasLimit ? "2147483647" : nil))
        }
        var observed = Self.observed(TopicLayout(queue: queue, partitions: 3, messageLimit: 2_000_000))
        let layout = TopicLayout(queue: queue, partitions: 3)
        #expect(layout.compare(with: observed).allSatisfy { $0.finding == .fits })
        observed["orders.dlq"] = .init(partitions: 3, settings: ["max.message.bytes": "1048588"])
        #expect(
            layout.compare(with: observed).first { $0.topic.name == "orders.dlq" }?.finding
                == .differs(["max.message.bytes is 1048588, should be at least 1114124"])
        )
    }

    @Test("missing topics and every difference are found")
    func differences() throws {
        let layout = try Self.layout()
        var observed = Self.observed(layout)
        observed["orders"] = nil
        observed["orders.retry.1s"] = .init(
            partitions: 4,
            settings: ["retention.ms": "1000", "message.timestamp.type": "CreateTime", "cleanup.policy": "delete"]
        )
        let findings = layout.compare(with: observed)
        #expect(findings[0].finding == .missing)
        #expect(
            findings[1].finding
                == .differs([
                    "has 4 partitions, not 3", "message.timestamp.type is CreateTime, should be LogAppendTime",
                    "retention.ms is 1000, should be at least 604801000",
                ])
        )
        #expect(findings[2].finding == .fits)
    }
}
