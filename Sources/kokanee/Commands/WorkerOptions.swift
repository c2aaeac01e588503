internal import Foundation
internal import Kokanee

extension Command {
    /// What runs the jobs, and how: the flags of every command that works a queue.
    static let handlerOptions: [Option] = [
        .value("handler", "CMD", "a program that speaks the handler protocol, see docs/results.md"),
        .value("exec", "CMD", "a program run for each job: exit 0 done, 65 dead letter, 75 or else retry"),
        .value("concurrency", "N", "jobs, and processes, at the same time", default: "the processors, at least 4"),
        .value(
            "write-ahead",
            "N",
            "the most jobs in the pipe of a --handler process that answers fast, such as 64; a slow one holds up the others",
            default: "1"
        ),
        .value("attempts", "N", "attempts before a job is a dead letter", default: "the rungs and one"),
        .value("timeout", "D", "how long an attempt may run", default: "10m"),
        .value("result-limit", "BYTES", "the largest result that a job may leave", default: "262144"),
        .value("result-retention", "D", "how long results are kept whose enqueuer did not say", default: "1h"),
        .value(
            "order",
            "ORDER",
            "jobs of a key, or of a partition, one at a time; or unordered",
            default: "key",
            choices: ["key", "partition", "unordered"]
        ),
        .value(
            "circuit-share",
            "SHARE",
            "share of dead letters, as 0.5 or 50%, that stops the queue in this worker; 0 is never",
            default: "50%"
        ),
        .value("circuit-jobs", "N", "the fewest ended jobs to take that share of", default: "100"),
        .value("circuit-window", "D", "how far back jobs are counted for it", default: "1m"),
        .value("circuit-pause", "D", "how long the queue stands still before a few jobs are tried", default: "30s"),
        .value(
            "knows",
            "TYPE[@VERSION]",
            "a type that CMD can run, up to a version of its payload",
            isRepeatable: true,
            default: "all, in any version"
        ),
        .value(
            "wait-for-deploy",
            "D",
            "how long jobs that CMD doesn't know wait for a worker that does",
            default: "no time"
        ),
        .value(
            "expired",
            "FATE",
            "what becomes of a job whose time is over",
            default: "discard",
            choices: ["discard", "dead-letter"]
        ),
        .value("shutdown-timeout", "D", "how long running jobs may go on after SIGTERM", default: "25s"),
        .value("stalled-after", "D", "how long a watermark may stand still while there is work", default: "60s"),
        .value("wedge-limit", "D", "how long a thread may hang before the process is ended", default: "60s"),
        .value(
            "build",
            "BUILD",
            "the release of the handler, by which a replay can select what it completed",
            default: "$KOKANEE_BUILD"
        ),
    ]
}

extension OptionValues {
    /// What the flags of `work` say about how the worker is to work.
    ///
    /// - Parameter environment: of this process.
    func workerConfiguration(environment: [String: String] = [:]) throws -> WorkerConfiguration {
        try checkKnownJobs()
        var configuration = WorkerConfiguration()
        configuration.concurrency =
            try integer("concurrency", in: 1...10_000) ?? max(4, ProcessInfo.processInfo.activeProcessorCount)
        if let attempts = try integer("attempts", in: 1...1_000_000) {
            configuration.retryPolicy = .ladder(attempts: attempts)
        }
        if let timeout = try duration("timeout") {
            guard timeout > .zero else { throw error("--timeout is longer than nothing") }
            configuration.attemptTimeout = timeout
        }
        if let limit = try integer("result-limit", in: 0...(1 << 30)) { configuration.resultLimit = limit }
        if let retention = try duration("result-retention") {
            guard retention >= .milliseconds(1) else { throw error("--result-retention is at least 1ms") }
            configuration.resultRetention = retention
        }
        if let limit = try duration("shutdown-timeout") { configuration.shutdownLimit = limit }
        if let limit = try duration("stalled-after") { configuration.stallLimit = limit }
        if let limit = try duration("wedge-limit") {
            guard limit >= .seconds(1) else { throw error("--wedge-limit is at least 1s") }
            configuration.wedgeLimit = limit
        }
        configuration.order =
            switch string("order") {
            case "partition": .partition
            case "unordered": .unordered
            default: .key
            }
        configuration.circuit = try circuitPolicy()
        configuration.stopsWhenIdle = isSet("until-idle")
        configuration.createsTopics = isSet("create-topics")
        configuration.build = try build(environment)
        configuration.redactedFields = redactedFields(environment)
        if string("expired") == "dead-letter" { configuration.expiredJobs = .deadLetter }
        if let limit = try waitForDeploy() {
            configuration.unknownTypes = .wait(upTo: limit)
            configuration.newerVersions = .wait(upTo: limit)
        }
        return configuration
    }

    /// The environment variable for who does not set `--build`.
    static let buildVariable = "KOKANEE_BUILD"

    private func build(_ environment: [String: String]) throws -> String? {
        let (source, build) =
            if let build = string("build") { ("--build", build) } else {
                ("$\(Self.buildVariable)", environment[Self.buildVariable] ?? "")
            }
        guard WorkerConfiguration.isBuild(build) else {
            throw error("\(source) has at most 200 bytes and no control characters")
        }
        return build.isEmpty ? nil : build
    }

    func writeAhead() throws -> Int {
        try integer("write-ahead", in: 1...1000) ?? ProcessPool.Configuration().writeAhead
    }

    /// Nil where there is to be no circuit.
    private func circuitPolicy() throws -> CircuitPolicy? {
        var policy = CircuitPolicy()
        if let text = string("circuit-share") {
            guard let share = Self.share(text), (0...1).contains(share) else {
                throw error("--circuit-share is a share such as 0.5 or 50%, from 0 to 1, not \(text)")
            }
            guard share > 0 else { return nil }
            policy.deadShare = share
        }
        if let jobs = try integer("circuit-jobs", in: 1...1_000_000_000) { policy.minimumJobs = jobs }
        if let window = try duration("circuit-window") {
            guard window >= .seconds(1) else { throw error("--circuit-window is at least 1s") }
            policy.window = window
        }
        if let pause = try duration("circuit-pause") {
            guard pause >= .milliseconds(1) else { throw error("--circuit-pause is at least 1ms") }
            policy.pause = pause
        }
        return policy
    }

    private static func share(_ text: String) -> Double? {
        text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
    }
}
