internal import Kokanee

/// A replay or a reset as the record has it, for people and for programs.
struct ReplayReport {
    /// What one process has done for a replay.
    struct Work {
        let statistics: WorkerStatistics
        let scanned: Int
        let matched: Int
        let seconds: Double

        init(_ statistics: WorkerStatistics, _ replayed: (scanned: Int, matched: Int)?, seconds: Double) {
            self.statistics = statistics
            scanned = replayed?.scanned ?? 0
            matched = replayed?.matched ?? 0
            self.seconds = seconds
        }
    }

    private let record: ReplayRecord
    private let progress: ReplayProgress?

    init(_ record: ReplayRecord, _ progress: ReplayProgress? = nil) {
        self.record = record
        self.progress = progress
    }

    static func table(_ records: [ReplayRecord]) -> Table {
        var table = Table([
            .text("id"), .text("kind"), .text("queue"), .text("state"), .text("began"), .text("by"), .text("what"),
        ])
        for record in records {
            let beginning = record.beginning
            table.add([
                beginning.id, beginning.kind.rawValue, beginning.queue, state(record), Timestamp.text(beginning.at),
                beginning.by, beginning.words,
            ])
        }
        return table
    }

    static func state(_ record: ReplayRecord) -> String {
        if let result = record.result { return result.state.rawValue }
        guard record.beginning.kind == .side else { return "begun" }
        switch record.wish?.mode {
        case .pause: return "paused"
        case .cancel: return "cancelled"
        case .run, nil: return "running"
        }
    }

    // MARK: - For people

    /// All but the partitions.
    var lines: [String] {
        let beginning = record.beginning
        var lines = [
            "\(beginning.id)  \(beginning.kind.rawValue) of \(beginning.queue), \(Self.state(record))",
            "began \(Timestamp.text(beginning.at)) by \(beginning.by): \(beginning.words)",
            "group \(beginning.group)",
        ]
        if let selection = beginning.plan?.selection { lines.append("selects \(SelectionText(selection).text)") }
        if let rate = record.wish?.rate { lines.append("at most \(Rate(perSecond: rate).text)") }
        if let wish = record.wish { lines.append("last word of \(wish.by) at \(Timestamp.text(wish.at))") }
        if let undoes = beginning.undoes { lines.append("undoes \(undoes)") }
        if let progress {
            let percent = Int(progress.fraction * 100)
            lines.append(
                """
                \(progress.done) of \(progress.records) records done (\(percent) %), \(progress.retrying) jobs on its \
                ladder, \(progress.dead) dead letters
                """
            )
            if progress.dead > 0 { lines.append("see them: \(Program.name) dlq list \(queueName)") }
        }
        if let result = record.result {
            let counts = result.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let text = counts.isEmpty ? "" : ": \(counts.joined(separator: ", "))"
            lines.append("\(result.state.rawValue) \(Timestamp.text(result.at))\(text)")
            lines += result.notes
        } else if beginning.kind != .side {
            lines.append(
                beginning.kind == .rewind
                    ? "it stands: not all owners have applied it; `\(Program.name) replay cancel \(record.id)` takes it back"
                    : "it has no result: the command ended before it could tell; look at the group's offsets"
            )
        }
        lines += beginning.plan?.notes ?? []
        return lines.map(\.onOneLine)
    }

    /// The partitions of the plan, or of the moves.
    var details: Table {
        if let moves = record.beginning.moves {
            var table = Table([.number("partition"), .number("old"), .number("new")])
            for move in moves {
                table.add(["\(move.partition)", move.old.map { "\($0)" } ?? "-", move.new.map { "\($0)" } ?? "-"])
            }
            return table
        }
        var table = Table([.number("partition"), .number("from"), .number("to"), .number("done"), .text("note")])
        let done = Dictionary(
            (progress?.partitions ?? []).map { ($0.partition, $0.committed - $0.from) },
            uniquingKeysWith: { first, _ in first }
        )
        for partition in record.beginning.plan?.partitions ?? [] {
            let lost = partition.lostToRetention
            table.add([
                "\(partition.partition)", "\(partition.from)", "\(partition.to)", "\(done[partition.partition] ?? 0)",
                lost > 0 ? "retention had taken \(lost)" : "",
            ])
        }
        return table
    }

    /// What a process says at the replay's end.
    func summary(_ work: Work) -> [String] {
        let statistics = work.statistics
        var lines = [
            """
            replay \(record.id) is \(Self.state(record)): this process looked at \(work.scanned) records, of which \
            \(work.matched) were selected
            """,
            statistics.sentence(seconds: work.seconds),
        ]
        if statistics.lostToRetention > 0 {
            lines.append("retention took \(statistics.lostToRetention) records of the plan before they were read")
        }
        if let progress, progress.dead > 0 {
            lines.append("\(progress.dead) dead letters: \(Program.name) dlq list \(queueName)")
        }
        return lines
    }

    private var queueName: String { "\(record.beginning.queue).replay.\(record.id)" }

    // MARK: - For programs

    func json(_ work: Work? = nil) -> JSONObjectWriter {
        let beginning = record.beginning
        var object = JSONObjectWriter()
        object.add("replay", beginning.id)
        object.add("kind", beginning.kind.rawValue)
        object.add("queue", beginning.queue)
        object.add("group", beginning.group)
        object.add("state", Self.state(record))
        object.add("at", beginning.at)
        object.add("by", beginning.by)
        object.add("words", beginning.words)
        if let undoes = beginning.undoes { object.add("undoes", undoes) }
        if let rate = record.wish?.rate { object.add("rate", rate) }
        if let plan = beginning.plan { object.add("plan", object: PlanReport(plan).json) }
        if let moves = beginning.moves { object.add("moves", objects: moves.map(Self.json)) }
        if let progress {
            object.add("records", progress.records)
            object.add("done", progress.done)
            object.add("retrying", progress.retrying)
            object.add("dead", progress.dead)
        }
        if let result = record.result {
            object.add("endedAt", result.at)
            var counts = JSONObjectWriter()
            for (name, value) in result.counts.sorted(by: { $0.key < $1.key }) { counts.add(name, value) }
            object.add("counts", object: counts)
            object.add("notes", result.notes)
        }
        if let work {
            object.add("scanned", work.scanned)
            object.add("selected", work.matched)
            object.add("completed", work.statistics.completed)
            object.add("failedAttempts", work.statistics.failedAttempts)
            object.add("retried", work.statistics.retried)
            object.add("died", work.statistics.dead)
            object.add("discarded", work.statistics.discarded)
            object.add("lostToRetention", work.statistics.lostToRetention)
            object.add("seconds", (work.seconds * 1000).rounded() / 1000)
        }
        return object
    }

    private static func json(_ move: ReplayRecord.Move) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("partition", move.partition)
        object.add("old", orNull: move.old)
        object.add("new", orNull: move.new)
        return object
    }
}
