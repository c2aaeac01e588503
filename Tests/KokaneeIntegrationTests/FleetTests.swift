import Foundation
import TestSupport
import Testing

/// Orders to a fleet of worker processes, by the command line.
@Suite(.besideOthers)
struct FleetTests {
    private struct Status: Decodable {
        struct Order: Decodable {
            let state: String
            let by: String
            let reason: String?
        }

        let waiting: Int64
        let paused: Order?
        let cancellations: Int
        let stalledPartitions: [Int]
    }

    private func status(_ stand: Stand, _ flags: String...) async throws -> Status {
        let outcome = try await stand.start(["status", stand.queue, "--json"] + flags).outcome(within: .seconds(30))
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return try outcome.object(Status.self)
    }

    @discardableResult
    private func order(_ stand: Stand, _ arguments: String...) async throws -> Outcome {
        let outcome = try await stand.start(arguments).outcome(within: .seconds(60))
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return outcome
    }

    private func jobs(_ range: Range<Int>) -> [String] {
        range.map { #"{"type":"t","id":"\#($0)","key":"k\#($0)","data":{}}"# }
    }

    @Test("a paused queue stays at rest through kills and restarts, and status says so at a glance")
    func pause() async throws {
        try await Stand.withGroups(partitions: 4) { stand in
            let queue = stand.queue
            let workers = [try stand.startWorker(), try stand.startWorker()]
            try await stand.enqueue(jobs(0..<10))
            try await stand.ledger.waitFor(lines: 20)
            try await eventually("what was done is committed", within: .seconds(30)) {
                try await status(stand).waiting == 0
            }
            let said = try await order(stand, "pause", queue, "--by", "ann", "--reason", "a test")
            #expect(said.error.contains("is paused"))
            #expect(try await order(stand, "pause", queue, "--by", "bob").error.contains("by ann: a test already"))
            try await eventually("both workers obey", within: .seconds(30)) {
                workers.allSatisfy { $0.error.contains("the queue is paused") }
            }
            workers[0].signal(SIGKILL)
            try await stand.enqueue(jobs(10..<30))
            let restarted = try stand.startWorker()
            try await eventually("the new one obeys", within: .seconds(30)) {
                restarted.error.contains("the queue is paused")
            }
            // Everything is stalled that has not moved for that long, were it not for the pause.
            let seen = try await status(stand, "--stalled-after", "10ms")
            #expect(seen.paused?.state == "paused" && seen.paused?.by == "ann" && seen.paused?.reason == "a test")
            #expect(seen.waiting == 20 && seen.stalledPartitions.isEmpty)
            let text = try await order(stand, "status", queue).output
            #expect(text.split(separator: "\n")[0].contains("PAUSED"), "\(text)")
            #expect(text.contains("by ann: a test"), "\(text)")
            // The embedded broker refuses the commit of a member that gives its partitions away: some of these may have run twice.
            #expect(Set(try stand.ledger.runs().ids) == Set((0..<10).map(String.init)))
            #expect(try await order(stand, "resume", queue).error.contains("runs again"))
            try await eventually("all have run", within: .seconds(60)) {
                Set(try stand.ledger.runs().ids).count == 30
            }
            #expect(try await order(stand, "resume", queue).error.contains("was not paused"))
        }
    }

    @Test("drain waits until nothing of the queue runs, or says that it still does")
    func drain() async throws {
        try await Stand.with { stand in
            let file = stand.scratch.file("go")
            _ = try stand.startWorker()
            try await stand.enqueue([#"{"type":"t","id":"long","data":{"do":"wait","file":"\#(file.path)"}}"#])
            try await stand.ledger.waitFor(lines: 1)
            let short = try await stand.kokanee("drain", stand.queue, "--timeout", "3s")
            #expect(short.code == 1 && short.error.contains("goes on being drained"), "\(short)")
            try await stand.enqueue(jobs(0..<5))
            let waiting = try stand.start(["drain", stand.queue])
            try await eventually("it tells what it waits for", within: .seconds(30)) {
                waiting.error.contains("1 job left, 1 running")
            }
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
            let outcome = try await waiting.outcome(within: .seconds(60))
            #expect(outcome.code == 0 && outcome.error.contains("is drained"), "\(outcome)")
            #expect(try stand.ledger.runs().ids == ["long"])
            try await order(stand, "resume", stand.queue)
            try await stand.ledger.waitFor(lines: 12)
        }
    }

    @Test("a drain that a paused type keeps waiting says so, and ends once the type is resumed")
    func drainOfPausedType() async throws {
        try await Stand.with { stand in
            let worker = try stand.startWorker()
            try await order(stand, "pause", stand.queue, "--type", "news")
            try await stand.enqueue(
                (0..<3).map { #"{"type":"news","id":"n\#($0)","data":{}}"# } + [#"{"type":"t","id":"t","data":{}}"#]
            )
            try await stand.ledger.waitFor(lines: 2)
            let drain = try stand.start(["drain", stand.queue])
            try await eventually("it tells what it waits for, and what to do", within: .seconds(30)) {
                drain.error.contains("3 jobs left, 0 running, 3 of type news, which is paused")
                    && drain.error.contains("kokanee resume \(stand.queue) --type news")
            }
            let seen = try await order(stand, "status", stand.queue).output
            #expect(seen.contains("3 of type news, which is paused"), "\(seen)")
            try await order(stand, "resume", stand.queue, "--type", "news")
            let outcome = try await drain.outcome(within: .seconds(60))
            #expect(outcome.code == 0 && outcome.error.contains("is drained"), "\(outcome)")
            #expect(Set(try stand.ledger.runs().ids) == ["t", "n0", "n1", "n2"])
            worker.signal(SIGTERM)
        }
    }

    @Test("cancelled jobs never run, whether they wait or are delayed")
    func cancel() async throws {
        try await Stand.with(ladder: "1s,2s") { stand in
            try await stand.enqueue(
                jobs(0..<3) + [#"{"type":"t","id":"late","data":{},"delay":"300d"}"#]
            )
            let said = try await order(stand, "cancel", stand.queue, "1", "late", "--reason", "sent twice")
            #expect(said.error.contains("job 1 is cancelled") && said.error.contains("nobody can tell"))
            #expect(try await status(stand).cancellations == 2)
            let summary = try await stand.workUntilIdle(flags: ["--ladder", "1s,2s"])
            #expect(summary.completed == 2)
            #expect(try stand.ledger.runs().ids.sorted() == ["0", "2"])
            for words in ["not cancelled any more", "was not cancelled"] {
                #expect(try await order(stand, "cancel", stand.queue, "1", "--undo").error.contains(words))
            }
        }
    }

    @Test("a queue that is not there can't be given orders")
    func unknown() async throws {
        try await Stand.with { stand in
            for words in ["pause nobody", "resume nobody", "drain nobody", "cancel nobody 1"] {
                let words = words.split(separator: " ").map(String.init)
                let outcome = try await stand.start(words).outcome(within: .seconds(30))
                #expect(outcome.code == 1 && outcome.error.contains("there is no queue nobody"), "\(outcome)")
            }
        }
    }
}
