import Testing

@testable import Kokanee
@testable import kokanee

@Suite("The text of a rehearsal's report")
struct RehearsalTextTests {
    private func report(saying text: String) -> RehearsalReport {
        var completed = RehearsalReport.Outcomes()
        (completed.succeeded, completed.failed) = (300, 8)
        let example = RehearsalReport.Example(id: "job-7", type: "t", place: "orders/0/7", message: text)
        return RehearsalReport(
            plan: ReplayPlan(
                id: "20261125-214400-k3f9",
                queue: "orders",
                selection: Selection(),
                partitions: [ReplayPlan.Partition(partition: 0, from: 10, to: 2010)]
            ),
            build: "v2",
            startedAt: 0,
            endedAt: 12_300,
            isComplete: true,
            sample: 308,
            scanned: 2000,
            matched: 1500,
            completedBefore: completed,
            failedBefore: .init(),
            unknownBefore: .init(),
            errors: [.init(before: .completed, pattern: text, reason: nil, count: 8, examples: [example])],
            otherErrors: 0,
            effects: [.init(name: "email.send", count: 70, repeated: 70, jobs: 60, examples: [example])],
            durations: .init(median: 1.24, p99: 40.4, longest: 1250),
            notes: ["A note."]
        )
    }

    @Test("it says what was rehearsed, what fails, what would be done, and the verdict last")
    func text() {
        let text = RehearsalText(report(saying: "E: order # is void")).text.replacing("\u{A0}", with: " ")
        #expect(
            text == """
                rehearsal of orders, plan 20261125-214400-k3f9, build v2
                308 jobs of 1 500 selected rehearsed, a sample; 2 000 records looked at, in 12 s
                attempts took 1.2 ms in the median, 40 ms for 99 % of them, 1.3 s at most

                before          succeed  discarded  fail  refused  expired  jobs
                were completed      300          0     8        0        0   308

                regressions: they were completed before, and fail now
                  count  error               dead at once  for example
                      8  E: order # is void                job-7 at orders/0/7

                effects that a replay would make; again: by jobs that were completed before
                  count  again  jobs  effect      for example
                     70     70    60  email.send  E: order # is void

                note: A note.

                8 regressions: 8 jobs that were completed before would fail now.
                """
        )
    }

    @Test("text from jobs moves no cursor and makes no line")
    func hostile() {
        let lines = RehearsalText(report(saying: "a\nb\u{1B}[2J\rc")).text.split(separator: "\n")
        #expect(lines.count == RehearsalText(report(saying: "x")).text.split(separator: "\n").count)
        #expect(!lines.joined().unicodeScalars.contains { $0.value < 0x20 })
    }
}
