internal import RdKafka
internal import Synchronization

/// One reading of a plan's ranges: counts what is selected, and lists it where that is asked.
struct ReplayScan: Sendable {
    private static let shownIDs = 5

    private(set) var counts: [Int32: ReplayPlan.Count] = [:]
    /// Of the records that are selected; only where they are collected.
    private(set) var offsets: [Int32: OffsetSet] = [:]
    private var undated: Int64 = 0
    private var unreadable: Int64 = 0
    private var toCome: Int64 = 0
    /// By the number of the id in the selector's set.
    private var foundIDs: [Bool] = []

    /// - Parameter collects: whether to list the offsets of what is selected.
    static func run(
        _ partitions: [ReplayPlan.Partition],
        of queue: Queue,
        _ selector: RecordSelector,
        _ omissions: ReplayOmissions,
        collects: Bool,
        _ configuration: ClientConfiguration,
        _ progress: @escaping @Sendable (ReplayPlanner.Progress) -> Void
    ) async throws -> ReplayScan {
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for plan in partitions where plan.records > 0 {
            ranges[TopicPartition(topic: queue.mainTopic, partition: plan.partition)] = plan.from..<plan.to
        }
        let pace = ProgressPace(total: partitions.reduce(0) { $0 + $1.records }, progress)
        let state = Mutex(State(ids: selector.ids?.count ?? 0, pace))
        try await TopicReader.read(ranges, configuration: configuration) { record in
            withExtendedLifetime(record) {
                let message = record.storage.message
                let partition = record.partition
                let look = selector.look(at: message, of: partition)
                let omission = look.verdict == .matches ? omissions.omission(of: message, in: partition) : nil
                state.withLock { $0.take(look, omission, message, partition, collects: collects) }
            }
            return true
        }
        return state.withLock { state in
            state.pace.end()
            return state.finished
        }
    }

    private struct State {
        var scan = ReplayScan()
        var pace: ProgressPace
        /// Records of one partition come in runs: what belongs to theirs is at hand.
        private var partition: Int32 = -1
        private var count = ReplayPlan.Count()

        init(ids: Int, _ pace: ProgressPace) {
            self.pace = pace
            scan.foundIDs = [Bool](repeating: false, count: ids)
        }

        @inline(__always)
        mutating func take(
            _ look: (verdict: RecordSelector.Verdict, id: Int?),
            _ omission: ReplayOmissions.Omission?,
            _ message: ConsumedMessage,
            _ partition: Int32,
            collects: Bool
        ) {
            if partition != self.partition { turn(to: partition) }
            count.scanned += 1
            pace.scanned(matched: look.verdict == .matches && omission == nil)
            switch look.verdict {
            case .passed: break
            case .undated: scan.undated += 1
            case .unreadable: scan.unreadable += 1
            case .matches:
                if let id = look.id { scan.foundIDs[id] = true }
                guard omission == nil else {
                    if omission == .toCome { scan.toCome += 1 }
                    break
                }
                count.matched += 1
                count.bytes += Int64(message.size)
                if collects { scan.offsets[partition, default: OffsetSet()].insert(message.offset) }
            }
        }

        private mutating func turn(to partition: Int32) {
            if self.partition >= 0 { scan.counts[self.partition] = count }
            self.partition = partition
            count = scan.counts[partition] ?? ReplayPlan.Count()
        }

        var finished: ReplayScan {
            var last = self
            last.turn(to: -1)
            return last.scan
        }
    }

    /// What was found beside what is selected.
    func notes(on selection: Selection, _ selector: RecordSelector) -> [String] {
        var notes: [String] = []
        if let ids = selector.ids {
            let missing = foundIDs.indices.filter { !foundIDs[$0] }
            var note = "\(ids.count) ids were given, of which \(ids.count - missing.count) were found."
            if !missing.isEmpty {
                let names = missing.map { ids.text($0) }.sorted().prefix(Self.shownIDs).map { SafeText.quoted($0) }
                let more = missing.count > names.count ? ", …" : ""
                note += " No job that the rest of the selection means has: \(names.joined(separator: ", "))\(more)."
            }
            notes.append(note)
        }
        if undated > 0 {
            let what = selection.clock == .event ? "ce_time" : "timestamp"
            notes.append("\(undated) records have no \(what), and are in no range of time: they are left out.")
        }
        if unreadable > 0 {
            let what = selection.expression == nil ? "" : ", or their payload is no JSON"
            notes.append("\(unreadable) records can't be read as jobs\(what): they are left out.")
        }
        if toCome > 0 {
            notes.append("\(toCome) jobs are not due yet: they are still to come in live work, and are left out.")
        }
        return notes
    }
}
