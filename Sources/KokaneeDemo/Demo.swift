internal import Foundation
internal import Kokanee
internal import RdKafka

/// The main job on real input: jobs run, fail, climb, die, are mended and run again.
struct Demo: Sendable {
    /// The demo can't go on, or what it shows did not come true.
    struct Failed: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) {
            self.description = description
        }
    }

    static let partitions = 8
    /// With their headers the jobs' records take some 300 bytes and the path twice: the embedded broker keeps 5 MiB a
    /// partition, and history is to run from its first job again.
    static let maximumFiles = 40_000
    static let maximumPathBytes = 4 << 20

    let queue: Queue
    private let broker: EmbeddedBroker
    private let client: ClientConfiguration
    private let kokanee: Tool
    private let tree: FileTree
    private let hazards: Hazards
    /// By the jobs' ids.
    private let paths: [String: String]

    /// Scans the directory and starts the broker.
    static func run(_ directory: String) async throws {
        let tree = try FileTree(below: directory, limit: maximumFiles, byteLimit: maximumPathBytes)
        let hazards = try Hazards()
        defer { hazards.remove() }
        try await Demo(tree, hazards).run(directory)
    }

    private init(_ tree: FileTree, _ hazards: Hazards) throws {
        queue = try Queue("files", ladder: try Ladder(text: "1s,2s,4s"))
        broker = try EmbeddedBroker()
        for topic in TopicLayout(queue: queue, partitions: Self.partitions).topics {
            try broker.createTopic(topic.name, partitions: topic.partitions)
        }
        // Short, because the embedded broker makes a group wait nearly as long for the next worker after the last; and
        // the same for all who join, because it takes the one for dead who would wait longer than that.
        client = ClientConfiguration(
            bootstrapServers: broker.bootstrapServers,
            properties: ["session.timeout.ms": "6000"]
        )
        kokanee = try Tool.kokanee(try hazards.write(client))
        self.tree = tree
        self.hazards = hazards
        paths = Dictionary(uniqueKeysWithValues: (tree.paths + hazards.paths).enumerated().map { ("file-\($0)", $1) })
    }

    private func run(_ directory: String) async throws {
        say("An embedded broker runs at \(client.bootstrapServers). To look at it from another terminal:")
        say("  export PATH=\(kokanee.directory):$PATH")
        say("  kokanee \(kokanee.options) status -v")
        say("Queue \(queue.name) has \(Self.partitions) partitions and the ladder \(queue.ladder).")
        if tree.skipped > 0 {
            say("\(directory) has more files than this broker should hold: \(tree.skipped) are left out.")
        }

        chapter("One job for each of \(tree.paths.count) files below \(directory), and \(hazards.paths.count) hazards")
        try await enqueue()
        try hazards.deleteFiles()

        chapter("Release 1 works: what fails climbs the ladder, and dies after its fourth attempt")
        let first = try await work(.first, total: paths.count) { try hazards.writeLateFiles(after: $0.failures) }
        let judge = try await Judge(Array(paths.values))
        let before = judge.judge(DigestBook.shared.all)
        try await kokanee.show("status", queue.name)
        try await kokanee.show("dlq", "list", queue.name, "--limit", "6")

        chapter("Some died of a bug: release 1 believes that an empty file can't be read. Release 2 runs their letters")
        let retried = try await retry()
        let second = try await work(.mended, total: retried)

        chapter("sha256sum finds what never failed: \(before.wrong.count) files got wrong digests. History runs again")
        try await kokanee.show("replay", queue.name, "--reset", "--to-earliest", "--execute")
        let third = try await work(.mended, total: paths.count + retried)

        chapter("The end: every digest held against sha256sum's")
        let after = judge.judge(DigestBook.shared.all)
        let outcome = Outcome(
            shifts: [first, second, third],
            ladder: queue.ladder,
            files: paths.count,
            retried: retried,
            before: before,
            after: after,
            hazards: hazards,
            letters: try await letters(),
            left: try await left()
        )
        say(outcome.table)
        let faults = outcome.faults
        guard faults.isEmpty else { throw Failed(faults.joined(separator: "\n")) }
        say(outcome.conclusion)
    }

    private func chapter(_ title: String) {
        say()
        say("== \(title).")
    }

    private func work(
        _ release: Release,
        total: Int,
        onTick: @escaping @Sendable (AttemptTally.Counts) throws -> Void = { _ in }
    ) async throws -> Shift {
        try await release.work(queue, total: total, client: client, onTick: onTick)
    }

    private func enqueue() async throws {
        let jobs = try paths.map { id, path in
            var job = try NewJob(HashFile(path: path))
            job.id = id
            // Jobs of one key share a partition and run in their order; here it spreads them over all partitions.
            job.key = Bytes(path)
            return job
        }
        let start = ContinuousClock.now
        let client = try JobClient(client, source: "kokanee-demo")
        for result in await client.enqueue(jobs, to: queue) { _ = try result.get() }
        await client.close()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        say("enqueued \(jobs.count) jobs, \(Int(Double(jobs.count) / seconds))/s")
    }

    /// Puts the letters back that died of the bug.
    ///
    /// - Returns: how many.
    private func retry() async throws -> Int {
        let words = HashFileRelease1.NothingRead.words
        let count = try await letters().filter { $0.lastError.contains(words) }.count
        try await kokanee.show("dlq", "retry", queue.name, "--all", "--error", words, "--execute")
        return count
    }
}

extension Demo {
    /// What the demo reads of a line of `dlq list --json`.
    struct Letter: Decodable, Sendable {
        let id: String
        let attempts: Int
        let lastError: String?
        let verdict: String?
    }

    /// What it reads of `status --json`.
    private struct Status: Decodable {
        let waiting: Int
        let retrying: [String: Int]
    }

    /// Dead letters by the paths of their jobs, as the command line tells of them.
    private func letters() async throws -> [Outcome.Letter] {
        let output = try await kokanee.output(["dlq", "list", queue.name, "--json"])
        return try output.split(separator: UInt8(ascii: "\n")).map { line in
            let letter = try JSONDecoder().decode(Letter.self, from: Data(line))
            guard let path = paths[letter.id] else { throw Failed("a dead letter of nobody's: \(letter.id)") }
            return Outcome.Letter(
                path: path,
                attempts: letter.attempts,
                lastError: letter.lastError ?? "",
                isOpen: letter.verdict == nil
            )
        }
    }

    /// Jobs that still wait, in the queue or on a rung.
    private func left() async throws -> Int {
        let output = try await kokanee.output(["status", queue.name, "--json"])
        let status = try JSONDecoder().decode(Status.self, from: output)
        return status.retrying.values.reduce(status.waiting, +)
    }
}
