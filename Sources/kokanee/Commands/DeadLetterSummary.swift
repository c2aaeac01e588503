internal import Kokanee
internal import RdKafka

/// What `dlq retry` and `dlq discard` say of what they did, or would do.
struct DeadLetterSummary {
    /// The letters that a preview shows.
    static let sampleSize = 20
    /// The groups of a kind that a table shows.
    private static let groupsShown = 20

    let queue: Queue
    let console: Console
    /// `retry`
    let action: String
    /// `retried`
    let done: String

    private var sendsBack: Bool { action == "retry" }

    func preview(_ plan: DeadLetterPlan, rate: Rate?) throws {
        noteSettled(plan.findings)
        guard !console.isJSON else { return try console.print(object(plan, rate)) }
        guard plan.open > 0 else { return sayNothing(plan.findings) }
        if plan.open > Self.sampleSize { try console.print("… and \(plan.open - Self.sampleSize) that died before") }
        try console.print("")
        try console.print(table("type", plan.types))
        try console.print("")
        try console.print(table("error", plan.errors))
        try console.print("")
        try console.print(table("partition", plan.partitions))
        try console.print("")
        let died = [plan.oldest, plan.newest].compactMap { $0.map(Timestamp.text) }
        try console.print("died from \(died.first ?? "-") to \(died.last ?? "-")")
        if sendsBack {
            let time = rate.map { ", in about \(Self.text($0.duration(of: plan.open))) at \($0.text)" } ?? ""
            try console.print("\(ProgressLine.grouped(Int(clamping: plan.bytes))) bytes to send\(time)")
            try noteReplay()
        }
        try console.print("would \(action) \(DeadLetterOutput.count(plan.open)) of \(queue.name)")
        console.say("nothing is done yet: --execute does it")
    }

    func print(_ settlement: Settlement) throws {
        noteSettled(settlement.findings)
        for refusal in settlement.refusals { console.complain("\(refusal.id.onOneLine): \(refusal.reason)") }
        guard !console.isJSON else { return try console.print(object(settlement)) }
        guard settlement.findings.letters > 0 else { return sayNothing(settlement.findings) }
        try console.print("\(done) \(DeadLetterOutput.count(settlement.letters)) of \(queue.name)")
    }

    /// A replay's jobs go where one may not expect them.
    private func noteReplay() throws {
        guard let replay = queue.replay else { return }
        try console.print(
            "the jobs go to \(queue.mainTopic), into live work, with the header kokanee-replay: \(replay)"
        )
    }

    private func noteSettled(_ findings: DeadLetters.Findings) {
        for id in findings.settledIDs { console.say("\(id.onOneLine) has its verdict already") }
    }

    private func sayNothing(_ findings: DeadLetters.Findings) {
        guard findings.unknownIDs.isEmpty else { return }
        console.say("nothing to do: no dead letter of \(queue.name) without a verdict is meant")
    }

    private func table(_ name: String, _ groups: [DeadLetterPlan.Group]) -> Table {
        var table = Table([.text(name), .number("letters"), .number("open")])
        for group in groups.prefix(Self.groupsShown) {
            table.add([console.redaction.text(group.name).onOneLine, "\(group.letters)", "\(group.open)"])
        }
        let rest = groups.dropFirst(Self.groupsShown)
        if !rest.isEmpty {
            let sums = rest.reduce(into: (letters: 0, open: 0)) { sums, group in
                sums.letters += group.letters
                sums.open += group.open
            }
            table.add(["… \(rest.count) more", "\(sums.letters)", "\(sums.open)"])
        }
        return table
    }

    /// Whole seconds at least: an estimate is no better.
    private static func text(_ duration: Duration) -> String {
        let seconds = max(1, Int64((duration / .seconds(1)).rounded(.up)))
        let parts = [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
        return zip(parts, ["d", "h", "m", "s"]).drop { $0.0 == 0 }.prefix(2).filter { $0.0 > 0 }.map {
            "\($0.0)\($0.1)"
        }.joined()
    }

    // MARK: - JSON

    private func object(_ plan: DeadLetterPlan, _ rate: Rate?) -> JSONObjectWriter {
        var object = object(isExecuted: false, letters: plan.open, refused: [], plan.findings)
        object.add("matching", plan.letters)
        object.add("bytes", plan.bytes)
        object.add("oldest", orNull: plan.oldest)
        object.add("newest", orNull: plan.newest)
        object.add("types", objects: plan.types.map { Self.object("type", $0) })
        object.add("errors", objects: plan.errors.map { Self.object("error", $0, console.redaction) })
        object.add("partitions", objects: plan.partitions.map { Self.object("partition", $0) })
        if let rate { object.add("seconds", rate.duration(of: plan.open) / .seconds(1)) }
        if sendsBack { object.add("to", queue.mainTopic) }
        if sendsBack, let replay = queue.replay { object.add("replay", replay) }
        return object
    }

    private static func object(
        _ name: String,
        _ group: DeadLetterPlan.Group,
        _ redaction: Redaction = .none
    ) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        if name == "partition", let partition = Int32(group.name) {
            object.add(name, partition)
        } else {
            object.add(name, redaction.text(group.name))
        }
        object.add("letters", group.letters)
        object.add("open", group.open)
        return object
    }

    private func object(_ settlement: Settlement) -> JSONObjectWriter {
        object(
            isExecuted: true,
            letters: settlement.letters,
            refused: settlement.refusals.map(\.id),
            settlement.findings
        )
    }

    private func object(
        isExecuted: Bool,
        letters: Int,
        refused: [String],
        _ findings: DeadLetters.Findings
    ) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("action", action)
        object.add("executed", isExecuted)
        object.add("letters", letters)
        object.add("refused", refused)
        object.add("settledBefore", findings.settledIDs)
        object.add("unknown", findings.unknownIDs)
        return object
    }
}
