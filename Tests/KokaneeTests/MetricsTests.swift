import Testing

@testable import Kokanee

@Suite("Metrics")
struct MetricsTests {
    @Test("a counter is the same one for the same name and labels, and a snapshot has what collectors bring")
    func registry() {
        let registry = MetricsRegistry()
        registry.counter("kokanee_x_total", help: "X.", labels: [.init("queue", "a")]).add(2)
        registry.counter("kokanee_x_total", help: "X.", labels: [.init("queue", "a")]).add()
        registry.counter("kokanee_x_total", help: "X.", labels: [.init("queue", "b")]).add()
        registry.collect { [.init("kokanee_g", "G.", .gauge, value: 7)] }
        let snapshot = registry.snapshot()
        #expect(snapshot.samples.map(\.name) == ["kokanee_g", "kokanee_x_total", "kokanee_x_total"])
        #expect(snapshot.value(of: "kokanee_x_total") == 4)
        #expect(snapshot.value(of: "kokanee_x_total", .init("queue", "a")) == 3)
        #expect(snapshot.counters(ofQueue: "b") == ["kokanee_x_total": 1])
    }

    @Test("a worker's numbers are counted by queue, under Prometheus' names")
    func statistics() {
        var table = StatisticsTable()
        table[0].completed = 3
        table[2].completed = 4
        table[2].stuck = 1
        #expect(table.total.completed == 7)
        let snapshot = MetricsSnapshot(WorkerMetrics.samples(table, fenced: 5, queues: ["a", "b", "c"]))
        #expect(snapshot.value(of: "kokanee_jobs_completed_total", .init("queue", "c")) == 4)
        #expect(snapshot.counters(ofQueue: "a")["kokanee_jobs_completed_total"] == 3)
        #expect(snapshot.counters(ofQueue: "b")["kokanee_attempts_fenced_total"] == 5)
        for sample in snapshot.samples {
            #expect(sample.name.hasPrefix("kokanee_") && sample.name.hasSuffix("_total") && sample.kind == .counter)
            #expect(sample.help.hasSuffix("."))
        }
    }

    @Test("an array's elements are found where they stand", arguments: ["[]", "[1]", #"[ "a,]" , {"b":[1,2]},null ]"#])
    func elements(text: String) throws {
        let bytes = Array(text.utf8)
        let found = try JSONText.elements(of: bytes.span.bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
        let expected = ["[]": [], "[1]": ["1"]][text] ?? [#""a,]""#, #"{"b":[1,2]}"#, "null"]
        #expect(found == expected)
        #expect((try? JSONText.elements(of: Array((text + ",").utf8).span.bytes)) == nil)
    }
}
