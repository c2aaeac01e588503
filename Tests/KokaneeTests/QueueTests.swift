import Kokanee
import Testing

@Suite struct QueueTests {
    @Test("a queue's topics are named after it and its rungs")
    func topics() throws {
        let queue = try Queue("orders", ladder: Ladder(text: "1s,1m"))
        #expect(
            queue.allTopics == ["orders", "orders.retry.1s", "orders.retry.1m", "orders.dlq", "orders.state"]
        )
        #expect(queue.mainTopic == "orders")
        #expect(queue.retryTopic(queue.ladder.rungs[1]) == "orders.retry.1m")
        #expect(queue.group == "kokanee.orders")
        #expect(queue.defaultType == "default")
        #expect(try Queue("a", group: "g").group == "g")
        #expect(Queue.controlTopic == "kokanee.control")
    }

    @Test(
        "names that Kafka or Kokanee can't give a queue are refused",
        arguments: [
            "", ".", "..", "a b", "ä", "a/b", "a\u{0}", "a\n", "kokanee.control", "orders.dlq", "orders.state",
            "orders.retry.1m", "orders.retry.90s", "orders.high", "orders.low", String(repeating: "a", count: 250),
            String(repeating: "a", count: 240),
        ]
    )
    func refusing(name: String) {
        #expect(throws: InputError.self) { try Queue(name) }
    }

    @Test(
        "a name may be as long as its longest topic allows",
        arguments: ["dlq", "a.retry", "A_z-0.9", "high", "x.higher"]
    )
    func longest(name: String) throws {
        #expect(try Queue(name).name == name)
        #expect(try Queue(String(repeating: "a", count: 249 - ".retry.15m".count)).retryTopics[2].count == 249)
    }

    @Test("a default type that no record could carry is refused")
    func defaultType() {
        #expect(throws: InputError.self) { try Queue("q", defaultType: "") }
        #expect(throws: InputError.self) { try Queue("q", defaultType: "a\nb") }
        #expect(throws: InputError.self) { try Queue("q", defaultType: String(repeating: "a", count: 1025)) }
        #expect(throws: InputError.self) { try Queue("q", group: "") }
    }
}
