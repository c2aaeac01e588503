internal import Kokanee

/// A rehearsal's report for people at a terminal.
struct RehearsalText {
    /// Groups of errors, and effects, that are told one by one; `--json` and the page tell of all.
    private static let mostRows = 20

    private let report: RehearsalReport

    init(_ report: RehearsalReport) {
        self.report = report
    }

    var text: String {
        let build = report.build.map { ", build \($0)" } ?? ""
        let took = RehearsalReport.milliseconds(Double(report.endedAt - report.startedAt))
        var parts = [
            [
                "rehearsal of \(report.plan.queue), plan \(report.plan.id)\(build)", "\(report.scope), in \(took)",
                report.pace,
            ].compactMap { $0?.onOneLine }.joined(separator: "\n")
        ]
        if report.rehearsed > 0 { parts.append(outcomes.text()) }
        parts += Rehearsal.Before.allCases.compactMap(errors)
        if report.otherErrors > 0 {
            parts.append("\(report.otherErrors) more failures are of too many other kinds to be told apart")
        }
        if !report.effects.isEmpty { parts.append(effects) }
        if !report.notes.isEmpty { parts.append(report.notes.map { "note: \($0.onOneLine)" }.joined(separator: "\n")) }
        parts.append("\(report.headline): \(report.explanation)")
        return parts.joined(separator: "\n\n")
    }

    private var outcomes: Table {
        var table = Table([
            .text("before"), .number("succeed"), .number("discarded"), .number("fail"), .number("refused"),
            .number("expired"), .number("jobs"),
        ])
        for before in Rehearsal.Before.allCases {
            let outcomes = report.outcomes(before)
            guard outcomes.total > 0 else { continue }
            let counts = [
                outcomes.succeeded, outcomes.discarded, outcomes.failed, outcomes.refused, outcomes.expired,
                outcomes.total,
            ]
            table.add([before.title] + counts.map { "\($0)" })
        }
        return table
    }

    private func errors(_ before: Rehearsal.Before) -> String? {
        let groups = report.errors.filter { $0.before == before }
        guard !groups.isEmpty else { return nil }
        var table = Table([.number("count"), .text("error"), .text("dead at once"), .text("for example")])
        for group in groups.prefix(Self.mostRows) {
            let example = group.examples.first.map { "\($0.id) at \($0.place)" } ?? ""
            table.add(["\(group.count)", group.pattern, group.reason ?? "", example])
        }
        let more = groups.count > Self.mostRows ? "\nand \(groups.count - Self.mostRows) more kinds of errors" : ""
        return "\(before.meaningOfFailure)\n\(Self.indented(table))\(more)"
    }

    private var effects: String {
        var table = Table([
            .number("count"), .number("again"), .number("jobs"), .text("effect"), .text("for example"),
        ])
        for group in report.effects.prefix(Self.mostRows) {
            let example = group.examples.first?.message ?? ""
            table.add(["\(group.count)", "\(group.repeated)", "\(group.jobs)", group.name, example])
        }
        let more =
            report.effects.count > Self.mostRows ? "\nand \(report.effects.count - Self.mostRows) more names" : ""
        return "effects that a replay would make; again: by jobs that were completed before\n"
            + "\(Self.indented(table))\(more)"
    }

    private static func indented(_ table: Table) -> String {
        table.text().split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    }
}
