extension RehearsalPage {
    /// A part of a bar.
    private struct Segment {
        let name: String
        /// Its colour's name in the style.
        let tone: String
        let count: Int64
    }

    /// A bar is as wide as its place; within it there are so many steps.
    private static let width = 1000
    /// What there is of something, one can see.
    private static let leastWidth = 8

    // MARK: - Outcomes

    var outcomes: Markup {
        guard report.rehearsed > 0 else { return "" }
        let rows = Rehearsal.Before.allCases.filter { report.outcomes($0).total > 0 }.map { before -> Markup in
            let outcomes = report.outcomes(before)
            let segments = Self.segments(outcomes)
            return """
                <div class="row"><div class="name">\(before.title)<span class="quiet">\(Self.grouped(outcomes.total))</span></div>
                <div>\(Self.bar(segments, label: before.title))\
                <p class="parts">\(segments.filter { $0.count > 0 }.map(Self.part))</p></div></div>

                """
        }
        let legend = Self.segments(RehearsalReport.Outcomes()).map { segment -> Markup in
            "<li><i class=\"\(segment.tone)\"></i>\(segment.name)</li>"
        }
        let pace: Markup = report.pace.map { "<p class=\"quiet\">\(Self.sentence($0)).</p>" } ?? ""
        return """
            <section>
            <h2>Before, and now</h2>
            <p>How the jobs went before, and what became of them in the rehearsal.</p>
            <ul class="legend">\(legend)</ul>
            <div class="chart">
            \(rows)</div>
            \(pace)
            </section>
            """
    }

    private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    private static func segments(_ outcomes: RehearsalReport.Outcomes) -> [Segment] {
        [
            Segment(name: "succeed", tone: "s-good", count: outcomes.succeeded),
            Segment(name: "discarded", tone: "s-calm", count: outcomes.discarded),
            Segment(name: "expired", tone: "s-idle", count: outcomes.expired),
            Segment(name: "refused", tone: "s-warn", count: outcomes.refused),
            Segment(name: "fail", tone: "s-bad", count: outcomes.failed),
        ]
    }

    private static func part(_ segment: Segment) -> Markup {
        "<span><i class=\"\(segment.tone)\"></i>\(grouped(segment.count)) \(segment.name)</span> "
    }

    private static func bar(_ segments: [Segment], label: String) -> Markup {
        let widths = widths(of: segments.map(\.count))
        var start = 0
        let total = segments.reduce(0) { $0 + $1.count }
        let parts = zip(segments, widths).map { segment, width -> Markup in
            guard width > 0 else { return "" }
            defer { start += width }
            return """
                <rect class="\(segment.tone)" x="\(start)" y="0" width="\(width)" height="20">\
                <title>\(grouped(segment.count)) of \(grouped(total)) \(segment.name)</title></rect>
                """
        }
        return """
            <svg class="bar" viewBox="0 0 \(width) 20" preserveAspectRatio="none" role="img" aria-label="\(label)">\(parts)</svg>
            """
    }

    /// Widths that fill the bar, in proportion, but that none which is not nothing vanishes.
    static func widths(of counts: [Int64]) -> [Int] {
        let total = counts.reduce(0, +)
        guard total > 0 else { return counts.map { _ in 0 } }
        var widths = counts.map { count in
            count == 0 ? 0 : max(leastWidth, Int(Double(width) * Double(count) / Double(total)))
        }
        if let largest = counts.indices.max(by: { counts[$0] < counts[$1] }) {
            widths[largest] += width - widths.reduce(0, +)
        }
        return widths
    }

    // MARK: - Errors

    var errors: Markup {
        guard !report.errors.isEmpty || report.otherErrors > 0 else { return "" }
        let most = report.errors.map(\.count).max() ?? 1
        let groups = Rehearsal.Before.allCases.map { before -> Markup in
            let errors = report.errors.filter { $0.before == before }
            guard !errors.isEmpty else { return "" }
            let rows = errors.map { row($0, most: most) }
            let title = before.meaningOfFailure
            return """
                <h3 class="\(before == .completed ? "bad" : "")">\(Self.sentence(title))</h3>
                <div class="scroll"><table class="errors"><tbody>
                \(rows)</tbody></table></div>

                """
        }
        let others: Markup =
            report.otherErrors > 0
            ? """
            <p class="quiet">\(Self.grouped(report.otherErrors)) more failures are of other kinds: these are too many to be \
            told apart.</p>
            """ : ""
        return "<section>\n<h2>Errors</h2>\n\(groups)\(others)</section>"
    }

    private func row(_ group: RehearsalReport.ErrorGroup, most: Int64) -> Markup {
        let tone = group.isRegression ? "s-bad" : "s-warn"
        let width = max(Self.leastWidth, Int(Double(Self.width) * Double(group.count) / Double(max(1, most))))
        let reason: Markup = group.reason.map { " <span class=\"tag\">\($0)</span>" } ?? ""
        return """
            <tr><td class="n">\(Self.grouped(group.count))</td><td class="share"><svg class="bar thin" \
            viewBox="0 0 \(Self.width) 20" preserveAspectRatio="none" aria-hidden="true"><rect class="\(tone)" x="0" y="0" \
            width="\(width)" height="20"/></svg></td><td><code>\(group.pattern)</code>\(reason)\(examples(group.examples))</td></tr>

            """
    }
}
