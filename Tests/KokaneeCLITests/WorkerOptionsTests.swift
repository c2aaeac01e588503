import Kokanee
import Testing

@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct WorkerOptionsTests {
    /// What `work` hands to its worker.
    private func configuration(_ words: String) throws -> WorkerConfiguration {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let line = ["work", "orders", "labels", "--handler", "cat"] + words.split(separator: " ").map(String.init)
        let values = try parser.parse(line).values
        var configuration = try values.workerConfiguration()
        configuration.weights = try values.weights(of: ["orders", "labels"])
        configuration.priorities = try values.priorityPolicy()
        return configuration
    }

    /// A value for each flag that no default is, and whether it is there.
    private static let flags: [(words: String, hasArrived: @Sendable (WorkerConfiguration) -> Bool)] = [
        ("--concurrency 777", { $0.concurrency == 777 }),
        ("--attempts 9", { $0.retryPolicy.maximumAttempts(ladder: .standard) == 9 }),
        ("--timeout 7s", { $0.attemptTimeout == .seconds(7) }),
        ("--result-limit 17", { $0.resultLimit == 17 }),
        ("--result-retention 7m", { $0.resultRetention == .seconds(420) }),
        ("--order partition", { $0.order == .partition }),
        ("--order unordered", { $0.order == .unordered }),
        ("--circuit-share 20%", { $0.circuit?.deadShare == 0.2 }),
        ("--circuit-share 0.25", { $0.circuit?.deadShare == 0.25 }),
        ("--circuit-share 0", { $0.circuit == nil }),
        ("--circuit-jobs 7", { $0.circuit?.minimumJobs == 7 }),
        ("--circuit-window 7m", { $0.circuit?.window == .seconds(420) }),
        ("--circuit-pause 7s", { $0.circuit?.pause == .seconds(7) }),
        ("--knows a --wait-for-deploy 7m", { $0.unknownTypes == .wait(upTo: .seconds(420)) }),
        ("--knows a --wait-for-deploy 7m", { $0.newerVersions == .wait(upTo: .seconds(420)) }),
        ("--expired dead-letter", { $0.expiredJobs == .deadLetter }),
        ("--shutdown-timeout 7s", { $0.shutdownLimit == .seconds(7) }),
        ("--stalled-after 7s", { $0.stallLimit == .seconds(7) }),
        ("--wedge-limit 7s", { $0.wedgeLimit == .seconds(7) }),
        ("--build 1.2.3", { $0.build == "1.2.3" }),
        ("--weight labels=7", { $0.weights == ["labels": 7] }),
        ("--priorities 9:8:7", { $0.priorities == .weighted(high: 9, normal: 8, low: 7) }),
        ("--priorities strict", { $0.priorities == .strict(starvationLimit: .seconds(60)) }),
        ("--priorities strict --starvation-limit 7s", { $0.priorities == .strict(starvationLimit: .seconds(7)) }),
        ("--priorities strict --starvation-limit 0", { $0.priorities == .strict(starvationLimit: nil) }),
        ("--until-idle", { $0.stopsWhenIdle }),
        ("--create-topics", { $0.createsTopics }),
    ]

    @Test("each flag of work comes to the worker's configuration")
    func arrival() throws {
        let usual = try configuration("")
        for (words, hasArrived) in Self.flags {
            let said = try configuration(words)
            #expect(hasArrived(said) && !hasArrived(usual), "\(words)")
        }
    }

    @Test("there is no flag of work that is not tried")
    func complete() {
        // What says which jobs, and what runs them, is no part of the configuration.
        let others: Set = ["handler", "exec", "write-ahead", "group", "ladder", "default-type"]
        let tried = Set(
            Self.flags.flatMap { $0.words.split(separator: " ") }.filter { $0.hasPrefix("--") }.map { $0.dropFirst(2) }
        )
        for option in Command.work.options where !others.contains(option.long) {
            #expect(tried.contains(Substring(option.long)), "--\(option.long)")
        }
    }

    @Test("--write-ahead comes to whoever starts the processes")
    func writeAhead() throws {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let values = try parser.parse(["work", "orders", "--handler", "cat", "--write-ahead", "64"]).values
        #expect(try values.writeAhead() == 64)
    }
}
