internal import Foundation
internal import Glibc
internal import Kokanee
internal import RdKafka

/// A release with a bug, and how its work is found, rehearsed, run again and proved right, while live work goes on.
struct ReplayStory: Sendable {
    private let queue: Queue
    private let broker: EmbeddedBroker
    private let client: ClientConfiguration
    private let files: InvoiceFiles
    private let kokanee: Tool
    private let properties: String

    static func run() async throws {
        let files = try InvoiceFiles()
        do {
            try await ReplayStory(files).run()
            files.remove()
        } catch {
            if !Task.isCancelled { say("what its programs said: \(files.log)") }
            throw error
        }
    }

    private init(_ files: InvoiceFiles) throws {
        queue = try Queue("invoices", ladder: try Ladder(text: "1s,2s"))
        broker = try EmbeddedBroker()
        // As many as this broker gives a replay's topics, which it makes when they are named.
        for topic in TopicLayout(queue: queue, partitions: TopicLayout.defaultPartitions).topics {
            try broker.createTopic(topic.name, partitions: topic.partitions)
        }
        client = ClientConfiguration(
            bootstrapServers: broker.bootstrapServers,
            properties: ["session.timeout.ms": "6000"]
        )
        self.files = files
        properties = try files.write(client)
        kokanee = try Tool.kokanee(properties)
    }

    private func run() async throws {
        say("An embedded broker runs at \(client.bootstrapServers). To look at it from another terminal:")
        say("  export PATH=\(kokanee.directory):$PATH")
        say("  kokanee \(kokanee.options) status")
        chapter("Live traffic: \(LiveTraffic.rate) invoices a second, and release \(InvoiceRelease.good) totals them")
        let traffic = try LiveTraffic(queue, client)
        var worker = try work(InvoiceRelease.good)
        try await wait("work of release \(InvoiceRelease.good)") { $0.count { $0.build == InvoiceRelease.good } >= 600 }

        chapter("Tuesday: release \(InvoiceRelease.bad) is deployed. It has a bug in \(InvoiceJob.total)")
        try await worker.end()
        worker = try work(InvoiceRelease.bad)
        try await wait("work of release \(InvoiceRelease.bad)") { $0.count { $0.build == InvoiceRelease.bad } >= 1200 }

        chapter("Thursday: release \(InvoiceRelease.fixed) mends it. What has the other one done")
        try await worker.end()
        worker = try work(InvoiceRelease.fixed)
        try await wait("live work to be on time") { results in
            results.last { $0.build == InvoiceRelease.fixed && $0.replay == "-" }.map { $0.latency < 100_000_000 }
                ?? false
        }
        let onTime = InvoiceHandler.now()
        let before = try files.readResults()
        let wrong = try await InvoiceJudge.wrong(before)
        say("awk finds \(wrong.count) totals wrong. Which jobs were release \(InvoiceRelease.bad)'s?")
        let selection = ["--only-completed-by", InvoiceRelease.bad, "--type", InvoiceJob.total]
        try await kokanee.show(["replay", queue.name] + selection)

        chapter("Rehearsal: the mended handler, with effects off")
        let handler = handler(InvoiceRelease.fixed)
        try await kokanee.show(["replay", queue.name] + selection + ["--rehearse", "--handler", handler])

        chapter("The replay, beside live work, at 400 jobs a second")
        let began = InvoiceHandler.now()
        try await kokanee.show(
            ["replay", queue.name] + selection
                + ["--rate", "400/s", "--build", InvoiceRelease.fixed, "--execute", "--handler", handler]
        )
        let ended = InvoiceHandler.now()
        try await kokanee.show(["replay", "list"])
        try await kokanee.show(["status", queue.name])

        chapter("The proof")
        let jobs = try await traffic.stop()
        try await wait("all live work") { Set($0.lazy.filter { $0.replay == "-" }.map(\.number)).count == jobs }
        try await worker.end()
        let proof = try await InvoiceProof(
            results: files.readResults(),
            mails: files.readMails(),
            jobs: jobs,
            wrongBefore: wrong,
            calm: onTime..<began,
            replay: began..<ended
        )
        for line in proof.lines { say(line) }
        guard proof.faults.isEmpty else { throw Demo.Failed(proof.faults.joined(separator: "\n")) }
        say("All is as it should be.")
    }

    private func chapter(_ title: String) {
        say()
        say("== \(title).")
    }

    private func handler(_ build: String) -> String {
        "\(kokanee.directory)/kokanee-demo --invoices \(build) \(files.results) \(files.mails)"
    }

    private func work(_ build: String) throws -> Background {
        let words = [
            "\(kokanee.directory)/kokanee", "-F", properties, "work", queue.name, "--build", build, "--handler",
            handler(build), "--concurrency", "2",
        ]
        say("$ \(words.dropFirst(3).joined(separator: " "))  &")
        return try Background(words, log: files.log)
    }

    /// Waits for what the handlers write.
    private func wait(_ what: String, until isDone: ([InvoiceResult]) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !isDone(try files.readResults()) {
            guard ContinuousClock.now < deadline else { throw Demo.Failed("\(what) did not come within a minute") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
