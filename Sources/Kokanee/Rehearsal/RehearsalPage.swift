extension RehearsalReport {
    /// The report as a page: one file without scripts that loads nothing from anywhere.
    public var html: String { RehearsalPage(self).markup.html }
}

/// A report as HTML.
struct RehearsalPage {
    let report: RehearsalReport

    init(_ report: RehearsalReport) {
        self.report = report
    }

    /// The policy keeps a browser from running or loading anything, should an escape ever be missing.
    var markup: Markup {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>Rehearsal of \(report.plan.queue): \(report.headline)</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <main>
        \(header)
        \(tiles)
        \(outcomes)
        \(errors)
        \(effects)
        \(plan)
        </main>
        </body>
        </html>

        """
    }

    static func grouped(_ value: Int64) -> String { RehearsalReport.grouped(value) }

    // MARK: - What it came to

    private var header: Markup {
        let build: Markup = report.build.map { "<div><dt>build</dt><dd>\($0)</dd></div>" } ?? ""
        let took = Double(report.endedAt - report.startedAt)
        return """
            <header>
            <p class="kind">Kokanee rehearsal</p>
            <h1>\(report.plan.queue)</h1>
            <p class="verdict \(report.tone.rawValue)"><strong>\(report.headline)</strong> <span>\(report.explanation)</span></p>
            <dl class="facts">
            <div><dt>plan</dt><dd>\(report.plan.id)</dd></div>
            \(build)
            <div><dt>rehearsed</dt><dd>\(Timestamp.text(report.startedAt)), for \(RehearsalReport.milliseconds(took))</dd></div>
            <div><dt>jobs</dt><dd>\(report.scope)</dd></div>
            </dl>
            \(notes)
            </header>
            """
    }

    private var notes: Markup {
        guard !report.notes.isEmpty else { return "" }
        let items = report.notes.map { note -> Markup in "<li>\(note)</li>\n" }
        return "<ul class=\"notes\">\n\(items)</ul>"
    }

    private var tiles: Markup {
        func tile(_ value: Int64, _ label: String, _ tone: String) -> Markup {
            let tone = value == 0 ? "" : tone
            return "<div class=\"tile \(tone)\"><b>\(Self.grouped(value))</b><span>\(label)</span></div>\n"
        }
        let unknown = report.unknownBefore
        let tiles = [
            tile(report.regressions, "regressions: were fine, now fail", "bad"),
            tile(report.mended, "mended: had failed, now succeed", "good"),
            tile(report.stillFailing, "still fail", "warn"),
            tile(report.completedBefore.fine, "stay fine", ""),
        ]
        let others = unknown.total > 0 ? [tile(unknown.bad, "fail, unknown before", "warn")] : []
        return "<section class=\"tiles\">\n\(tiles)\(others)</section>"
    }

    // MARK: - Effects and the plan

    private var effects: Markup {
        guard !report.effects.isEmpty else {
            return """
                <section><h2>Effects</h2>
                <p class="quiet">No handler asked for one through the gateway.</p></section>
                """
        }
        let rows = report.effects.map { group -> Markup in
            """
            <tr><td class="n">\(Self.grouped(group.count))</td><td class="n">\(Self.grouped(group.repeated))</td>\
            <td class="n">\(Self.grouped(group.jobs))</td><td><code>\(group.name)</code>\(examples(group.examples))</td></tr>

            """
        }
        return """
            <section>
            <h2>Effects</h2>
            <p>None of these was made. A replay would make them; “again” are those of jobs that were completed before.</p>
            <div class="scroll"><table>
            <thead><tr><th class="n">count</th><th class="n">again</th><th class="n">jobs</th><th>effect</th></tr></thead>
            <tbody>
            \(rows)</tbody></table></div>
            </section>
            """
    }

    private var plan: Markup {
        let rows = report.plan.partitions.map { partition -> Markup in
            """
            <tr><td class="n">\(Int(partition.partition))</td><td class="n">\(Self.grouped(partition.from))</td>\
            <td class="n">\(Self.grouped(partition.to))</td><td class="n">\(Self.grouped(partition.records))</td></tr>

            """
        }
        return """
            <section>
            <h2>Range</h2>
            <details><summary>\(RehearsalReport.count(report.plan.records, "offset", "offsets")) of \
            \(RehearsalReport.count(Int64(rows.count), "partition", "partitions"))</summary>
            <div class="scroll"><table>
            <thead><tr><th class="n">partition</th><th class="n">first</th><th class="n">end</th><th class="n">offsets</th>\
            </tr></thead>
            <tbody>
            \(rows)</tbody></table></div>
            </details>
            </section>
            """
    }

    func examples(_ examples: [RehearsalReport.Example]) -> Markup {
        guard !examples.isEmpty else { return "" }
        let rows = examples.map { example -> Markup in
            """
            <li><b>\(example.id)</b> <span class="quiet">\(example.type), \(example.place)</span>\
            <span class="message">\(example.message)</span></li>

            """
        }
        return "<details><summary>examples</summary><ul class=\"examples\">\n\(rows)</ul></details>"
    }
}
