/// What came of the story, held against what should have.
struct InvoiceProof: Sendable {
    private let jobs: Int
    private let wrongBefore: Set<Int>
    private let wrongAfter: Set<Int>
    /// Jobs that the bad release completed, of the type that it corrupts.
    private let suspects: Set<Int>
    private let replayed: [Int]
    private let mails: [Substring]
    private let calm: [Int64]
    private let disturbed: [Int64]

    /// - Parameters:
    ///   - calm: when live work went on by itself; in nanoseconds.
    ///   - replay: when the replay went on beside it.
    init(
        results: [InvoiceResult],
        mails: [Substring],
        jobs: Int,
        wrongBefore: Set<Int>,
        calm: Range<Int64>,
        replay: Range<Int64>
    ) async throws {
        self.jobs = jobs
        self.wrongBefore = wrongBefore
        self.mails = mails
        let live = results.filter { $0.replay == "-" }
        suspects = Set(
            live.lazy.filter { $0.build == InvoiceRelease.bad && $0.type == InvoiceJob.total }.map(\.number)
        )
        replayed = results.filter { $0.replay != "-" }.map(\.number)
        // What was written last counts.
        let final = Dictionary(results.map { ($0.number, $0) }) { $1 }
        wrongAfter = try await InvoiceJudge.wrong(final.values)
        func latencies(_ range: Range<Int64>) -> [Int64] {
            live.filter { range.contains($0.sentAt) }.map(\.latency).sorted()
        }
        self.calm = latencies(calm)
        disturbed = latencies(replay)
    }

    var lines: [String] {
        [
            "\(jobs) invoices; \(suspects.count) totals by release \(InvoiceRelease.bad), \(wrongBefore.count) of them wrong",
            "\(replayed.count) jobs replayed; \(wrongAfter.count) totals wrong after it, by awk's reckoning of all",
            "\(mails.count) customers written to, \(mails.count - Set(mails).count) of them twice",
            "live latency before the replay  \(Self.text(calm))",
            "live latency beside the replay  \(Self.text(disturbed))",
        ]
    }

    /// Empty if all is well.
    var faults: [String] {
        var faults: [String] = []
        func check(_ holds: Bool, _ fault: String) { if !holds { faults.append(fault) } }
        check(!wrongBefore.isEmpty, "the bug did no harm: nothing was shown")
        check(wrongBefore.isSubset(of: suspects), "totals were wrong that the release did not make")
        check(Set(replayed) == suspects, "the replay ran others than the release's jobs")
        check(replayed.count == suspects.count, "the replay ran jobs twice")
        check(wrongAfter.isEmpty, "totals are wrong still: \(wrongAfter.sorted().prefix(5))")
        check(mails.count == Set(mails).count && mails.count == jobs, "customers were written to twice, or not at all")
        return faults
    }

    private static func text(_ sorted: [Int64]) -> String {
        guard !sorted.isEmpty else { return "not measured" }
        func percentile(_ share: Double) -> String {
            let tenths = sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] / 100_000
            return "\(tenths / 10).\(tenths % 10) ms"
        }
        return "p50 \(percentile(0.5)), p99 \(percentile(0.99)), of \(sorted.count)"
    }
}
