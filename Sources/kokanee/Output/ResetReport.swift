internal import Kokanee

/// A reset that was planned or done, for people and for programs.
struct ResetReport {
    private let reset: OffsetReset
    private let isExecuted: Bool
    private let undo: String
    private let record: String?

    /// - Parameter record: the id under which it was written down, if it was.
    init(_ reset: OffsetReset, isExecuted: Bool, undo: String, record: String? = nil) {
        self.reset = reset
        self.record = record
        self.isExecuted = isExecuted
        self.undo = undo
    }

    var table: Table {
        var table = Table([
            .number("partition"), .number("old"), .number("new"), .number("run again"), .number("skipped"),
            .text("note"),
        ])
        for partition in reset.partitions {
            let note =
                switch partition.clamping {
                case nil: ""
                case .raisedToStart(lost: 0): "the log begins at 0"
                case .raisedToStart(let lost): "retention has taken \(lost) of what was asked for"
                case .loweredToEnd(let distance): "the end of the log is \(distance) below what was asked for"
                }
            table.add([
                "\(partition.partition)", Self.text(partition.old), Self.text(partition.new),
                "\(partition.runsAgain)", "\(partition.skipped)", note,
            ])
        }
        return table
    }

    /// What the table's columns come to, in sentences.
    var notes: [String] {
        let will = isExecuted ? "will" : "would"
        var notes: [String] = []
        if reset.runsAgain > 0 { notes.append("\(reset.runsAgain) records that are finished \(will) run again") }
        if reset.skipped > 0 { notes.append("\(reset.skipped) records that are not finished \(will) be skipped") }
        if reset.lostToRetention > 0 {
            notes.append("retention has taken \(reset.lostToRetention) records that were asked for")
        }
        return notes
    }

    var undoLine: String { "undo: \(undo)" }

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add(
            "partitions",
            objects: reset.partitions.map { partition in
                var object = JSONObjectWriter()
                object.add("partition", partition.partition)
                object.add("old", orNull: partition.old)
                object.add("new", orNull: partition.new)
                return object
            }
        )
        object.add("executed", isExecuted)
        object.add("queue", reset.queue.name)
        object.add("group", reset.queue.group)
        object.add("runsAgain", reset.runsAgain)
        object.add("skipped", reset.skipped)
        object.add("lostToRetention", reset.lostToRetention)
        object.add("undo", undo)
        if let record { object.add("replay", record) }
        return object
    }

    private static func text(_ offset: Int64?) -> String {
        offset.map { "\($0)" } ?? "-"
    }
}
