import Foundation
import Testing

@testable import Kokanee

@Suite("The report of a rehearsal")
struct RehearsalReportTests {
    /// A report in which every text that comes from jobs, handlers or operators is `text`.
    static func report(saying text: String) -> RehearsalReport {
        func outcomes(_ counts: [Int64]) -> RehearsalReport.Outcomes {
            var outcomes = RehearsalReport.Outcomes()
            (outcomes.succeeded, outcomes.discarded, outcomes.failed) = (counts[0], counts[1], counts[2])
            (outcomes.refused, outcomes.expired) = (counts[3], counts[4])
            return outcomes
        }
        let example = RehearsalReport.Example(id: text, type: text, place: text, message: text)
        return RehearsalReport(
            plan: ReplayPlan(
                id: text,
                queue: text,
                selection: Selection(),
                partitions: [ReplayPlan.Partition(partition: 0, from: 10, to: 2010, lostToRetention: 3)]
            ),
            build: text,
            startedAt: 1_764_107_040_000,
            endedAt: 1_764_107_052_300,
            isComplete: true,
            sample: 500,
            scanned: 2000,
            matched: 1500,
            completedBefore: outcomes([300, 2, 7, 1, 1]),
            failedBefore: outcomes([90, 0, 8, 0, 0]),
            unknownBefore: outcomes([80, 0, 11, 0, 0]),
            errors: Rehearsal.Before.allCases.map { before in
                .init(before: before, pattern: text, reason: text, count: 8, examples: [example])
            },
            otherErrors: 3,
            effects: [.init(name: text, count: 70, repeated: 40, jobs: 60, examples: [example])],
            durations: .init(median: 1.24, p99: 40.4, longest: 1250),
            notes: [text]
        )
    }

    @Test("it counts regressions, what is mended and what still fails")
    func sums() {
        let report = Self.report(saying: "x")
        #expect([report.regressions, report.mended, report.stillFailing] == [8, 90, 8])
        #expect([report.rehearsed, report.nowFine, report.nowBad, report.expired] == [500, 472, 27, 1])
        #expect(report.hasRegressions)
        #expect(report.headline == "8 regressions")
    }

    @Test("it says that nothing is proven where nobody knows how jobs went before, or where it was stopped")
    func honest() {
        var report = Self.report(saying: "x")
        report.completedBefore = .init()
        #expect(report.tone == .neutral)
        #expect(report.headline == "no job is known to have been completed before")
        report.completedBefore.succeeded = 1
        #expect(report.tone == .good)
        #expect(report.headline == "no regressions")
        report.isComplete = false
        #expect(report.tone == .neutral)
        #expect(report.headline == "stopped before its end; no regressions until then")
    }

    @Test("JSON is one object, which programs can rely on, and the report itself can be kept")
    func json() throws {
        let report = Self.report(saying: "a \"quoted\" \u{1F41F}")
        let data = Data(report.json.finish())
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(
            object.keys.sorted() == [
                "attemptMilliseconds", "build", "complete", "effects", "endedAt", "errors", "expired", "id", "matched",
                "mended", "notes", "nowBad", "nowFine", "otherErrors", "outcomes", "partitions", "queue", "regressions",
                "rehearsed", "sample", "scanned", "startedAt", "stillFailing",
            ]
        )
        #expect(object["regressions"] as? Int == 8)
        #expect(object["startedAt"] as? String == "2025-11-25T21:44:00.000Z")
        let outcomes = object["outcomes"] as? [String: [String: Int]]
        #expect(
            outcomes?["completed"] == ["succeeded": 300, "discarded": 2, "failed": 7, "refused": 1, "expired": 1]
        )
        let errors = try #require(object["errors"] as? [[String: Any]])
        #expect(errors.map { $0["regression"] as? Bool } == [true, false, false])
        #expect((errors[0]["examples"] as? [[String: String]])?.first?["error"] == "a \"quoted\" \u{1F41F}")
        let kept = try JSONCodec().decode(RehearsalReport.self, from: JSONCodec().encode(report))
        #expect(kept == report)
    }

    @Test(
        "text on the page is text, whatever it says",
        arguments: [
            "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onload='alert(1)", "</style><b>",
            "&lt;b&gt;",
            "]]>--><!--", "\u{202E}gnp.exe\u{2028}\u{0}\u{1B}[2J", "javascript:alert(1)", "\\(1)",
            String(repeating: "<&\"'>", count: 100_000),
        ]
    )
    func hostile(text: String) {
        let page = Self.report(saying: text).html
        let harmless = Self.report(saying: "x").html
        // The markup is the same as that of a harmless report: as many tags, attributes and quotation marks.
        for mark in ["<", ">", "\"", "'", "<script"] {
            #expect(page.components(separatedBy: mark).count == harmless.components(separatedBy: mark).count, "\(mark)")
        }
        #expect(!page.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0 == "\u{202E}" || $0 == "\u{2028}" })
        #expect(page.utf8.count < 2_000_000)
        #expect(page.contains(Markup.escaped(text)))
    }

    @Test("the page is well formed, and loads and runs nothing")
    func page() throws {
        let page = Self.report(saying: "a & b < c").html
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        #expect(page.contains("default-src 'none'; style-src 'unsafe-inline'"))
        for word in ["<script", "http:", "https:", "url(", "@import", "<link", "<iframe"] {
            #expect(!page.contains(word))
        }
        // Each end tag is that of the last one that is open.
        var open: [Substring] = []
        for tag in page.matches(of: #/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/#) {
            let name = tag.output.2
            if tag.output.1 == "/" {
                #expect(open.popLast() == name)
            } else if tag.output.3 != "/", name != "meta" {
                open.append(name)
            }
        }
        #expect(open.isEmpty)
    }

    @Test("a report without jobs is a page, too")
    func empty() {
        var report = Self.report(saying: "x")
        report.completedBefore = .init()
        report.failedBefore = .init()
        report.unknownBefore = .init()
        (report.errors, report.effects, report.notes, report.build) = ([], [], [], nil)
        (report.durations, report.otherErrors) = (nil, 0)
        #expect(report.headline == "nothing was rehearsed")
        #expect(report.html.contains("nothing was rehearsed"))
    }

    @Test(
        "bars fill their place, and what is not nothing can be seen",
        arguments: [
            [1, 0, 0, 0, 999_999], [1, 1, 1, 1, 1], [0, 0, 5, 0, 0], [3, 1, 0, 2, 0], [.max / 8, 1, 1, 1, 1],
        ] as [[Int64]]
    )
    func bars(counts: [Int64]) {
        let widths = RehearsalPage.widths(of: counts)
        #expect(widths.reduce(0, +) == 1000)
        for (count, width) in zip(counts, widths) { #expect(count == 0 ? width == 0 : width >= 8) }
    }

    @Test(
        "durations are told in two digits",
        arguments: [
            (0, "0.00 ms"), (0.004, "0.00 ms"), (0.42, "0.42 ms"), (1.24, "1.2 ms"), (9.96, "10.0 ms"), (17.4, "17 ms"),
            (999.4, "999 ms"), (1250, "1.3 s"), (61_000, "61 s"), (.infinity, "-"),
        ] as [(Double, String)]
    )
    func milliseconds(value: Double, expected: String) {
        #expect(RehearsalReport.milliseconds(value) == expected)
    }
}
