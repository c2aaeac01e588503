internal import Kokanee

/// The plan of a replay, for people and for programs.
struct PlanReport {
    private let plan: ReplayPlan

    init(_ plan: ReplayPlan) {
        self.plan = plan
    }

    var table: Table {
        let isCounted = plan.count != nil
        var columns: [Table.Column] = [.number("partition"), .number("from"), .number("to"), .number("records")]
        if isCounted { columns += [.number("selected"), .number("bytes")] }
        columns.append(.text("note"))
        var table = Table(columns)
        for partition in plan.partitions {
            var cells = [partition.partition, partition.from, partition.to, partition.records].map { "\($0)" }
            if isCounted { cells += ["\(partition.count?.matched ?? 0)", "\(partition.count?.bytes ?? 0)"] }
            let lost = partition.lostToRetention
            cells.append(lost > 0 ? "retention has taken \(lost)" : "")
            table.add(cells)
        }
        return table
    }

    /// What the table's columns come to, and what was unusual, in sentences.
    var notes: [String] {
        var notes: [String] = []
        if let count = plan.count {
            notes.append("\(count.scanned) records were looked at, \(count.matched) are selected, \(count.bytes) bytes")
        } else {
            notes.append("\(plan.records) records are in the plan")
        }
        if plan.lostToRetention > 0 {
            notes.append("retention has taken \(plan.lostToRetention) records that were asked for")
        }
        return notes + plan.notes
    }

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("replay", plan.id)
        object.add("partitions", objects: plan.partitions.map(Self.json))
        object.add("records", plan.records)
        object.add("lostToRetention", plan.lostToRetention)
        object.add("queue", plan.queue)
        if let count = plan.count {
            object.add("scanned", count.scanned)
            object.add("selected", count.matched)
            object.add("bytes", count.bytes)
        }
        object.add("notes", plan.notes)
        object.add("selects", SelectionText(plan.selection).text)
        return object
    }

    private static func json(_ partition: ReplayPlan.Partition) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("partition", partition.partition)
        object.add("from", partition.from)
        object.add("to", partition.to)
        object.add("records", partition.records)
        object.add("lostToRetention", partition.lostToRetention)
        if let count = partition.count {
            object.add("selected", count.matched)
            object.add("bytes", count.bytes)
        }
        return object
    }
}
