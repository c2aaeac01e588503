internal import Kokanee

extension Command {
    static let selectionOptions: [Option] = [
        .value("from", "TIME", "records from this time on, as 2026-07-07T09:00:00Z or -2h", default: "the log's start"),
        .value("to", "TIME", "records before this time", default: "now"),
        .value(
            "clock",
            "CLOCK",
            "the time that --from and --to are about: the record's timestamp, or the event's ce_time",
            default: "record",
            choices: ["record", "event"]
        ),
        .value("partition", "LIST", "only these partitions: 0-3,7"),
        .value("type", "TYPE", "only jobs of this type", isRepeatable: true),
        .value("payload-version", "N", "only payloads of this version", isRepeatable: true),
        .value("key", "KEY", "only jobs of this ordering key", isRepeatable: true),
        .value("ids", "FILE", "only jobs whose ids stand in FILE, one a line; - is stdin"),
        .value("where", "EXPR", "only jobs for which EXPR holds, such as 'data.country == \"NO\"'"),
        .flag("only-failed", "only jobs that failed at least once, or are dead letters"),
        .value("only-completed-by", "BUILD", "only jobs that this build of a handler completed", isRepeatable: true),
        .flag("skip-done", "leave out jobs with a completion mark; with --only-completed-by, another build's"),
    ]

    static var selectionFlags: [String] { selectionOptions.map(\.long) + ["offsets"] }
}

extension OptionValues {
    /// What the flags select, but for the ids.
    func selection() throws -> Selection {
        var selection = Selection()
        selection.from = try time("from")
        selection.to = try time("to")
        if let from = selection.from, let to = selection.to, from >= to {
            throw error("--from \(Timestamp.text(from)) is not before --to \(Timestamp.text(to))")
        }
        selection.clock = string("clock") == "event" ? .event : .record
        selection.partitions = try parsed("partition") { try PartitionRanges.partitions($0) }
        selection.stretches = try parsed("offsets") { try PartitionRanges.stretches($0) }
        selection.types = strings("type")
        selection.versions = try strings("payload-version").map { text in
            guard let version = Int(text), (1...Int(Int32.max)).contains(version) else {
                throw error("--payload-version is a whole number from 1 up, not \(text)")
            }
            return version
        }
        selection.keys = strings("key")
        if let text = string("where") {
            do {
                _ = try PayloadExpression(text)
            } catch {
                throw self.error("--where: \(error)")
            }
            selection.expression = text
        }
        selection.isOnlyFailed = isSet("only-failed")
        selection.completedBy = strings("only-completed-by")
        selection.skipsDone = isSet("skip-done")
        return selection
    }
}
