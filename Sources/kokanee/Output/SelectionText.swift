internal import Kokanee

/// What a selection selects, in the words of the command line.
struct SelectionText {
    private let selection: Selection

    init(_ selection: Selection) {
        self.selection = selection
    }

    var text: String {
        var words: [String] = []
        func add(_ flag: String, _ value: String?) { if let value { words += ["--\(flag)", value] } }
        add("from", selection.from.map { Timestamp.text($0) })
        add("to", selection.to.map { Timestamp.text($0) })
        if selection.clock == .event { add("clock", "event") }
        add("partition", selection.partitions.map { PartitionRanges.text($0) })
        add("offsets", selection.stretches.map(Self.text))
        for type in selection.types { add("type", type) }
        for version in selection.versions { add("payload-version", "\(version)") }
        for key in selection.keys { add("key", key) }
        add("where", selection.expression.map { "'\($0)'" })
        if selection.isOnlyFailed { words.append("--only-failed") }
        for build in selection.completedBy { add("only-completed-by", build) }
        if selection.skipsDone { words.append("--skip-done") }
        return words.isEmpty ? "everything" : words.joined(separator: " ").onOneLine
    }

    private static func text(_ stretches: [Selection.Stretch]) -> String {
        stretches.map { stretch in
            let (from, to) = (stretch.from.map(String.init) ?? "", stretch.to.map(String.init) ?? "")
            return "\(stretch.partition)=\(from):\(to)"
        }.joined(separator: ",")
    }
}
