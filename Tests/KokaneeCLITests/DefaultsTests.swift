import Foundation
import Testing

@testable import Kokanee
@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct DefaultsTests {
    /// A knob, its default as operations.md has it, and whether a configuration has that.
    private static let knobs: [(name: String, text: String, holds: @Sendable (WorkerConfiguration) -> Bool)] = [
        ("`order`", "`key`", { $0.order == .key }),
        ("`retryPolicy`", "the rungs and one", { $0.retryPolicy.maximumAttempts(ladder: .standard) == 6 }),
        ("`attemptTimeout`", "10 min", { $0.attemptTimeout == .seconds(600) }),
        ("`shutdownLimit`", "25 s", { $0.shutdownLimit == .seconds(25) }),
        ("`revocationLimit`", "5 s", { $0.revocationLimit == .seconds(5) }),
        ("`circuit`", "50% of 100 jobs in 1 min; 30 s", { Self.isUsual($0.circuit) }),
        ("`stallLimit`", "1 min", { $0.stallLimit == .seconds(60) }),
        ("`wedgeLimit`", "1 min", { $0.wedgeLimit == .seconds(60) }),
        ("`commitInterval`", "1 s", { $0.commitInterval == .seconds(1) }),
        ("`maximumInFlight`", "10,000; 64 MiB", { $0.maximumInFlight == 10_000 }),
        ("`maximumInFlightBytes`", "10,000; 64 MiB", { $0.maximumInFlightBytes == 64 << 20 }),
        ("`maximumGap`", "10,000", { $0.maximumGap == 10_000 }),
        ("`prefetchedRecords`", "20,000; 32 MiB", { $0.prefetchedRecords == 20_000 }),
        ("`prefetchedBytes`", "20,000; 32 MiB", { $0.prefetchedBytes == 32 << 20 }),
        ("`concurrency`", "the processors, at least 4; in Swift 16", { $0.concurrency >= 4 }),
        ("`ProcessPool.Configuration.writeAhead`", "1", { _ in ProcessPool.Configuration().writeAhead == 1 }),
        ("partitions", "4", { _ in TopicLayout.defaultPartitions == 4 }),
        // The worker's half of it is in WorkerDefaultsTests.
        ("session.timeout.ms", "15000", { _ in true }),
    ]

    private static func isUsual(_ circuit: CircuitPolicy?) -> Bool {
        circuit?.deadShare == 0.5 && circuit?.minimumJobs == 100 && circuit?.window == .seconds(60)
            && circuit?.pause == .seconds(30)
    }

    @Test("a worker of Swift's, and one of work without flags, have the defaults that operations.md names")
    func operations() throws {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let bare = try parser.parse(["work", "orders", "--handler", "cat"]).values.workerConfiguration()
        let rows = try Documents.page("docs/operations.md").lines.drop { $0 != "## Sizing" }
            .filter { $0.hasPrefix("| ") }
            .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
        for (name, text, holds) in Self.knobs {
            let row = try #require(rows.first { $0[0].contains(name) }, "\(name)")
            #expect(row[1] == text, "\(name)")
            #expect(holds(WorkerConfiguration()) && holds(bare), "\(name)")
        }
        #expect(WorkerConfiguration().concurrency == 16)
    }

    @Test("how large results are, and how long things are kept, is as results.md, once.md and checkpoints.md say")
    func retention() throws {
        let usual = WorkerConfiguration()
        for (page, words, holds) in [
            ("results", "`WorkerConfiguration.resultLimit`, 256 KiB", usual.resultLimit == 256 << 10),
            ("results", "`WorkerConfiguration.resultRetention`, 1 h", usual.resultRetention == .seconds(3600)),
            ("once", "`WorkerConfiguration.idempotencyWindow`: 24 hours", usual.idempotencyWindow == .seconds(86_400)),
            ("checkpoints", "within two weeks", JobRecord.usualRetention == .seconds(1_209_600)),
        ] {
            #expect(try Documents.page("docs/\(page).md").lines.contains { $0.contains(words) }, "\(page)")
            #expect(holds, "\(words)")
        }
    }
}
