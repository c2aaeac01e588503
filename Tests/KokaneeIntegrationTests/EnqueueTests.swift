import Foundation
import TestSupport
import Testing

/// What goes in, and what is refused with a reason.
@Suite(.besideOthers)
struct EnqueueTests {
    struct Enqueued: Decodable {
        let id: String
        let topic: String
        let partition: Int
        let offset: Int64
    }

    struct Summary: Decodable {
        let sent: Int
        let rejected: Int
        let seconds: Double
    }

    @Test("one job's id, and where it stands, are as kcat and any CloudEvents reader see them")
    func one() async throws {
        try await Stand.with { stand in
            let before = Ledger.wallNow
            let outcome = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--type",
                "order.paid",
                "--data",
                #"{"order":1}"#,
                "--key",
                "k",
                "--json"
            )
            #expect(outcome.code == 0, "\(outcome)")
            let enqueued = try outcome.object(Enqueued.self)
            let records = try await stand.oracle.records(of: stand.queue)
            try #require(records.count == 1)
            #expect(enqueued.topic == stand.queue)
            #expect(enqueued.partition == records[0].partition)
            #expect(enqueued.offset == records[0].offset)
            #expect(records[0].key == Data("k".utf8))
            #expect(records[0].value == Data(#"{"order":1}"#.utf8))
            #expect(records[0].header("ce_specversion") == "1.0")
            #expect(records[0].header("ce_id") == enqueued.id)
            #expect(records[0].header("ce_type") == "order.paid")
            #expect(records[0].header("ce_source")?.isEmpty == false)
            #expect(records[0].header("content-type") == "application/json")
            let time = try #require(records[0].header("ce_time"))
            let date = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(time)
            #expect((before...Ledger.wallNow).contains(Int64((date.timeIntervalSince1970 * 1000).rounded())), "\(time)")
        }
    }

    @Test("our keys go to the partitions that kcat and Kafka's own clients choose")
    func partitioner() async throws {
        try await Stand.with(partitions: 7) { stand in
            let keys = (0..<40).map { "customer-\($0)" }
            try await stand.enqueue(keys.map { #"{"type":"t","key":"\#($0)","data":1}"# })
            let ours = try await stand.oracle.records(of: stand.queue)
            _ = try await Oracle.kcat(
                [
                    "-b", stand.bootstrapServers, "-t", stand.queue, "-P", "-K", "\t", "-X",
                    "topic.partitioner=murmur2_random",
                ],
                input: keys.map { "\($0)\t2\n" }.joined()
            )
            let all = try await stand.oracle.records(of: stand.queue)
            #expect(ours.count == keys.count)
            #expect(all.count == 2 * keys.count)
            for (_, records) in Dictionary(grouping: all, by: \.key) {
                #expect(Set(records.map(\.partition)).count == 1)
            }
        }
    }

    @Test("a bad line is 65 and named, and nothing after it is sent", arguments: [false, true])
    func badLine(asFile: Bool) async throws {
        try await Stand.with { stand in
            let text = """
                {"type":"t","id":"1","data":1}
                {"type":"t","id":"2","data":2}
                {"type":"t","id":"3","data":
                {"type":"t","id":"4","data":4}

                """
            let file = stand.scratch.file("jobs.ndjson")
            try Data(text.utf8).write(to: file)
            let outcome = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--file",
                asFile ? file.path : "-",
                "--json",
                input: asFile ? nil : text
            )
            #expect(outcome.code == 65, "\(outcome)")
            #expect(outcome.error.contains("line 3: "), "\(outcome)")
            let summary = try outcome.object(Summary.self)
            #expect(summary.sent == 2)
            #expect(summary.rejected == 1)
            let ids = try await stand.oracle.records(of: stand.queue).compactMap { $0.header("ce_id") }
            #expect(ids.sorted() == ["1", "2"])
        }
    }

    @Test("with --keep-going every bad line is named, and the good ones are sent")
    func keepGoing() async throws {
        try await Stand.with { stand in
            let lines = [
                #"{"type":"t","id":"1","data":1}"#, "nonsense", #"{"type":7,"data":1}"#, #"["type"]"#,
                #"{"type":"t","id":"5","data":1,"delay":"soon"}"#, #"{"type":"t","id":"6","data":1,"at":"once"}"#,
                "\u{FEFF}\u{0}", #"{"type":"t","id":"8","data":8}"#,
            ]
            let outcome = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--file",
                "-",
                "--json",
                "--keep-going",
                input: lines.joined(separator: "\n")
            )
            #expect(outcome.code == 65, "\(outcome)")
            for number in 2...7 { #expect(outcome.error.contains("line \(number): "), "\(number) in \(outcome)") }
            let summary = try outcome.object(Summary.self)
            #expect(summary.sent == 2)
            #expect(summary.rejected == 6)
            let ids = try await stand.oracle.records(of: stand.queue).compactMap { $0.header("ce_id") }
            #expect(ids.sorted() == ["1", "8"])
        }
    }

    @Test("a payload above the limit is 65, names the limit and the line, and nothing after it is sent")
    func tooLarge() async throws {
        try await Stand.with { stand in
            let huge = String(repeating: "x", count: 2_000_000)
            let outcome = try await stand.kokanee(
                "enqueue",
                stand.queue,
                "--file",
                "-",
                "--json",
                input: """
                    {"type":"t","id":"1","data":1}
                    {"type":"t","id":"2","data":"\(huge)"}
                    {"type":"t","id":"3","data":3}

                    """
            )
            #expect(outcome.code == 65, "\(outcome)")
            #expect(outcome.error.contains("line 2: "), "\(outcome)")
            #expect(outcome.error.contains("too large"), "\(outcome)")
            let summary = try outcome.object(Summary.self)
            #expect(summary.sent == 1)
            #expect(summary.rejected == 1)
            let ids = try await stand.oracle.records(of: stand.queue).compactMap { $0.header("ce_id") }
            #expect(ids == ["1"])
        }
    }

    @Test("data that is not JSON is 65, and says what is wrong")
    func badData() async throws {
        try await Stand.with { stand in
            let outcome = try await stand.kokanee("enqueue", stand.queue, "--type", "t", "--data", "{oops")
            #expect(outcome.code == 65, "\(outcome)")
            #expect(outcome.error.contains("--data"), "\(outcome)")
            #expect(try await stand.oracle.count(of: stand.queue) == 0)
        }
    }
}
