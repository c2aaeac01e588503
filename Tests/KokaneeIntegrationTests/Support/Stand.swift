import Foundation
import Synchronization
import TestSupport

/// A queue of a test's own on a broker, with what is needed to put jobs in and to see what became of them.
final class Stand: Sendable {
    let queue: String
    let bootstrapServers: String
    let scratch: Scratch
    private let processes = Mutex<[KokaneeProcess]>([])

    var oracle: KafkaOracle { KafkaOracle(bootstrapServers: bootstrapServers) }
    var ledger: Ledger { Ledger(file: scratch.file("ledger")) }
    var group: String { "kokanee.\(queue)" }
    var deadLetterTopic: String { "\(queue).dlq" }

    private init(queue: String, bootstrapServers: String) throws {
        self.queue = queue
        self.bootstrapServers = bootstrapServers
        scratch = try Scratch()
    }

    /// Runs `body` with a new queue, and ends all that it left running. An error tells of each process's stderr.
    ///
    /// - Parameters:
    ///   - ladder: the queue's rungs; nil makes no topics.
    ///   - servers: a broker; nil is the one that tests share.
    static func with(
        partitions: Int = 4,
        ladder: String? = "1s",
        on servers: String? = nil,
        _ body: (Stand) async throws -> Void
    ) async throws {
        if servers == nil, isEmbedded {
            return try await withEmbedded(brokers: 3, partitions: partitions, ladder: ladder, body)
        }
        let bootstrapServers: String
        if let servers {
            bootstrapServers = servers
        } else {
            bootstrapServers = try await TestCluster.shared(.server).bootstrapServers
        }
        let stand = try Stand(queue: TestCluster.uniqueName("jobs"), bootstrapServers: bootstrapServers)
        try await stand.run { stand in
            if let ladder { try await stand.createTopics(partitions: partitions, ladder: ladder) }
            try await body(stand)
        }
    }

    /// Runs `body` with a new queue on a broker whose groups work as Kafka's do: they notice that a member died, and let
    /// one that must give its partitions away finish first. The shared one can't: this is a process of `kokanee broker`.
    static func withGroups(partitions: Int, ladder: String = "1s", _ body: (Stand) async throws -> Void) async throws {
        if isExternal || isEmbedded { return try await with(partitions: partitions, ladder: ladder, body) }
        try await withEmbedded(brokers: 1, partitions: partitions, ladder: ladder, body)
    }

    private static func withEmbedded(
        brokers: Int,
        partitions: Int,
        ladder: String?,
        _ body: (Stand) async throws -> Void
    ) async throws {
        let queue = TestCluster.uniqueName("jobs")
        let scratch = try Scratch()
        defer { scratch.remove() }
        let broker = try KokaneeProcess(
            ["broker", "--brokers", "\(brokers)"]
                + (ladder.map { ["--queue", queue, "--partitions", "\(partitions)", "--ladder", $0] } ?? []),
            scratch: scratch
        )
        defer { broker.signal(SIGKILL) }
        try await eventually("the embedded broker says where it is") { broker.output.contains("\n") }
        let servers = broker.output.prefix { $0 != "\n" }.dropFirst("bootstrap.servers=".count)
        let stand = try Stand(queue: queue, bootstrapServers: String(servers))
        try await stand.run(body)
    }

    /// Whether tests run against a Kafka that somebody else started.
    static var isExternal: Bool { ProcessInfo.processInfo.environment["KOKANEE_TEST_BOOTSTRAP"] != nil }

    /// Whether each test gets an embedded cluster of 3 brokers, in a process of its own.
    static var isEmbedded: Bool { ProcessInfo.processInfo.environment["KOKANEE_TEST_BROKER"] == "embedded" }

    /// Whether the brokers tell who is in a group. The embedded ones don't: `status` then counts by who committed lately.
    static var describesGroups: Bool { !isEmbedded }
    /// Whether a topic's records can have the broker's time. On the embedded brokers they have the producer's.
    static var tellsTime: Bool { !isEmbedded }
    /// Whether kafka-python can talk to the brokers. It wants versions of requests that the embedded ones don't know.
    static var speaksWithKafkaPython: Bool { !isEmbedded }
    /// Whether a reader can keep to committed transactions. On the embedded brokers it can't.
    static var isolatesTransactions: Bool { !isEmbedded }

    private func run(_ body: (Stand) async throws -> Void) async throws {
        defer { scratch.remove() }
        do {
            try await body(self)
            await endAll()
        } catch {
            let story = processes.withLock { $0 }.filter { !$0.error.isEmpty }.map { process in
                "kokanee \(process.arguments.joined(separator: " "))\nstderr: \(process.error.suffix(3000))"
            }
            await endAll()
            throw StandError("\(error)\n" + story.suffix(6).joined(separator: "\n"))
        }
    }

    func createTopics(partitions: Int, ladder: String) async throws {
        let outcome = try await kokanee(
            "topics",
            "create",
            queue,
            "--partitions",
            "\(partitions)",
            "--ladder",
            ladder
        )
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
    }

    private func endAll() async {
        for process in processes.withLock({ $0 }) {
            process.signal(SIGKILL)
            _ = try? await process.outcome(within: .seconds(10))
        }
    }

    // MARK: - The tool

    /// Starts `kokanee` with the stand's broker.
    func start(
        _ arguments: [String],
        input: String? = nil,
        environment: [String: String] = [:]
    ) throws -> KokaneeProcess {
        let process = try KokaneeProcess(
            arguments,
            scratch: scratch,
            input: input,
            environment: environment.merging(["KOKANEE_BOOTSTRAP_SERVER": bootstrapServers]) { set, _ in set }
        )
        processes.withLock { $0.append(process) }
        return process
    }

    /// Runs `kokanee` to its end.
    func kokanee(_ arguments: String..., input: String? = nil, within limit: Duration = .seconds(60)) async throws
        -> Outcome
    {
        try await start(arguments, input: input).outcome(within: limit)
    }

    /// Runs a line as somebody would who typed it, where `kokanee` is the tool; it must end with 0.
    func shell(_ line: String) async throws -> String {
        let directory = try KokaneeProcess.binary().deletingLastPathComponent().path
        return try await Oracle.run(
            "sh",
            ["-c", "export PATH='\(directory)':$PATH KOKANEE_BOOTSTRAP_SERVER='\(bootstrapServers)'; \(line)"]
        )
    }

    /// Enqueues lines of newline-delimited JSON.
    func enqueue(_ lines: [String]) async throws {
        let outcome = try await kokanee(
            "enqueue",
            queue,
            "--file",
            "-",
            "--json",
            input: lines.map { $0 + "\n" }.joined()
        )
        struct Summary: Decodable { let sent: Int }
        guard outcome.code == 0, try outcome.object(Summary.self).sent == lines.count else {
            throw StandError("\(outcome)")
        }
    }

    /// Starts a worker of the queue with handlers that write to the ``ledger``.
    func startWorker(
        _ program: String = HandlerProgram.obedient,
        ledger: Ledger? = nil,
        concurrency: Int = 4,
        _ flags: String...,
        environment: [String: String] = [:]
    ) throws -> KokaneeProcess {
        let file = scratch.file("handler-\(UUID().uuidString).py")
        try Data(program.utf8).write(to: file)
        let handler = "exec python3 '\(file.path)' '\((ledger ?? self.ledger).file.path)'"
        return try start(
            ["work", queue, "--handler", handler, "--concurrency", "\(concurrency)", "-X", "session.timeout.ms=6000"]
                + flags,
            environment: environment
        )
    }

    /// What `work --until-idle --json` tells in the end.
    struct Summary: Decodable {
        let completed: Int
        let failedAttempts: Int
        let retried: Int
        let dead: Int
        let discarded: Int
        let seconds: Double
    }

    /// What a worker did until there was nothing more to do; its description is for a failed expectation's comment.
    @dynamicMemberLookup
    struct Worked: CustomStringConvertible {
        let summary: Summary
        let outcome: Outcome

        var description: String { outcome.description }

        subscript<T>(dynamicMember path: KeyPath<Summary, T>) -> T { summary[keyPath: path] }
    }

    /// Works the queue until there is nothing more to do.
    ///
    /// - Throws: where the worker fails or takes longer than `limit`.
    @discardableResult
    func workUntilIdle(
        _ program: String = HandlerProgram.obedient,
        concurrency: Int = 4,
        flags: [String] = [],
        within limit: Duration = .seconds(60)
    ) async throws -> Worked {
        let file = scratch.file("handler-\(UUID().uuidString).py")
        try Data(program.utf8).write(to: file)
        let outcome = try await start(
            [
                "work", queue, "--handler", "exec python3 '\(file.path)' '\(ledger.file.path)'", "--concurrency",
                "\(concurrency)", "-X", "session.timeout.ms=6000", "--until-idle", "--json",
            ] + flags
        ).outcome(within: limit)
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return Worked(summary: try outcome.object(Summary.self), outcome: outcome)
    }

    // MARK: - What became of the jobs

    func deadLetters() async throws -> [KafkaOracle.Record] {
        try await oracle.records(of: deadLetterTopic)
    }

    /// Records of the main topic and of the rungs that the group's offsets have not passed.
    func lag(rungs: [String] = ["1s"]) async throws -> [String: Int64] {
        var lag: [String: Int64] = [:]
        for topic in [queue] + rungs.map({ "\(queue).retry.\($0)" }) {
            lag[topic] = try await oracle.positions(of: topic, group: group).reduce(0) { $0 + $1.lag }
        }
        return lag.filter { $0.value != 0 }
    }
}
