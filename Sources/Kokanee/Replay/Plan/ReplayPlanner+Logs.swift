internal import RdKafka
internal import Synchronization

extension ReplayPlanner {
    /// What the partitions of the queue's main topic are like, with notes on what could not be asked.
    func logs(
        of queue: Queue,
        _ selection: Selection,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> (logs: [Int32: ReplayRanges.Log], notes: [String]) {
        guard let partitions = try await admin.metadata(topics: [queue.mainTopic]).partitions(of: queue.mainTopic)
        else {
            throw TopicError.noQueue(queue)
        }
        let lows = try await admin.listOffsets(partitions, .earliest)
        let ends = try await admin.listOffsets(partitions, .latest)
        var logs: [Int32: ReplayRanges.Log] = [:]
        for partition in partitions {
            let low = lows[partition] ?? 0
            logs[partition.partition] = ReplayRanges.Log(low: low, end: max(low, ends[partition] ?? low))
        }
        let firsts = try await firstRecords(of: queue.mainTopic, logs)
        for (partition, first) in firsts { logs[partition]?.firstTime = first.time }
        guard selection.clock == .record, selection.from != nil || selection.to != nil else { return (logs, []) }
        do {
            return try await ask(selection, partitions, logs, firsts, progress)
        } catch let error as KafkaError where error.isUnsupported {
            return try await search(selection, of: queue.mainTopic, logs, progress)
        }
    }

    private struct First: Sendable {
        var time: Int64
        var isByBroker: Bool
    }

    /// The first record of each partition that has any.
    private func firstRecords(of topic: String, _ logs: [Int32: ReplayRanges.Log]) async throws -> [Int32: First] {
        var firsts: [Int32: First] = [:]
        // A transaction's marker, or a gap, may stand where the log begins.
        for reach in [1, 1000] as [Int64] {
            var ranges: [TopicPartition: Range<Int64>] = [:]
            for (partition, log) in logs where !log.isEmpty && firsts[partition] == nil {
                ranges[TopicPartition(topic: topic, partition: partition)] = log.low..<min(log.end, log.low + reach)
            }
            guard !ranges.isEmpty else { break }
            let found = Gathering<[Int32: First]>([:])
            try await TopicReader.read(ranges, configuration: configuration) { record in
                let first = First(time: record.timestamp, isByBroker: record.timestampType == .logAppendTime)
                found.mutate { if $0[record.partition] == nil { $0[record.partition] = first } }
                return true
            }
            firsts.merge(found.value) { $1 }
        }
        return firsts
    }

    /// Asks the broker for offsets by time.
    private func ask(
        _ selection: Selection,
        _ partitions: [TopicPartition],
        _ logs: [Int32: ReplayRanges.Log],
        _ firsts: [Int32: First],
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> (logs: [Int32: ReplayRanges.Log], notes: [String]) {
        var logs = logs
        if let from = selection.from {
            for (partition, offset) in try await admin.listOffsets(partitions, .timestamp(from)) {
                logs[partition.partition]?.atFrom = offset
            }
        }
        guard let to = selection.to, let topic = partitions.first?.topic else { return (logs, []) }
        // With the broker's timestamps, which rise, nothing from before the range's end can stand behind it.
        let config = try? await admin.describeConfigs(topic: topic)["message.timestamp.type"]?.value
        let isOrdered = config != "CreateTime" && firsts.values.allSatisfy(\.isByBroker)
        for (partition, offset) in try await admin.listOffsets(partitions, .timestamp(to)) {
            logs[partition.partition]?.atTo = offset
        }
        guard !isOrdered, !firsts.isEmpty else { return (logs, []) }
        var beyond: [TopicPartition: Range<Int64>] = [:]
        let limit = to + Self.stragglerLimit.milliseconds
        for (partition, offset) in try await admin.listOffsets(partitions, .timestamp(limit)) {
            guard let log = logs[partition.partition], let end = log.atTo, end < offset else { continue }
            beyond[partition] = max(end, log.low)..<max(end, log.low, min(offset, log.end))
        }
        let (ends, count) = try await findStragglers(in: beyond, (selection.from ?? 0)..<to, progress)
        for (partition, end) in ends { logs[partition]?.atTo = end }
        guard count > 0 else { return (logs, []) }
        return (
            logs,
            [
                "The timestamps are the producers': \(count) records of the range stand behind its end, and the plan goes on "
                    + "to the last of them."
            ]
        )
    }

    /// Looks for records of a range of time among those behind the first one that is past it.
    ///
    /// - Returns: behind the last of them, by partition, and how many there are.
    private func findStragglers(
        in ranges: [TopicPartition: Range<Int64>],
        _ times: Range<Int64>,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> (ends: [Int32: Int64], count: Int) {
        guard ranges.values.contains(where: { !$0.isEmpty }) else { return ([:], 0) }
        let pace = ProgressPace(total: ranges.values.reduce(0) { $0 + Int64($1.count) }, progress)
        let found = Mutex<(ends: [Int32: Int64], count: Int, pace: ProgressPace)>(([:], 0, pace))
        try await TopicReader.read(ranges, configuration: configuration) { record in
            found.withLock { found in
                let isOne = times.contains(record.timestamp)
                found.pace.scanned(matched: isOne)
                guard isOne else { return }
                found.ends[record.partition] = record.offset + 1
                found.count += 1
            }
            return true
        }
        return found.withLock { ($0.ends, $0.count) }
    }

    /// Reads the log for offsets by time, for a broker that knows none.
    private func search(
        _ selection: Selection,
        of topic: String,
        _ logs: [Int32: ReplayRanges.Log],
        _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> (logs: [Int32: ReplayRanges.Log], notes: [String]) {
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for (partition, log) in logs {
            ranges[TopicPartition(topic: topic, partition: partition)] = log.low..<log.end
        }
        let (from, to) = (selection.from ?? .min, selection.to ?? .max)
        let pace = ProgressPace(total: logs.values.reduce(0) { $0 + $1.end - $1.low }, progress)
        let found = Mutex<(logs: [Int32: ReplayRanges.Log], pace: ProgressPace)>((logs, pace))
        try await TopicReader.read(ranges, configuration: configuration) { record in
            let (time, offset, partition) = (record.timestamp, record.offset, record.partition)
            found.withLock { found in
                found.pace.scanned(matched: false)
                if time >= from, found.logs[partition]?.atFrom == nil { found.logs[partition]?.atFrom = offset }
                if time >= 0, time < to { found.logs[partition]?.atTo = offset + 1 }
            }
            return true
        }
        let result = found.withLock { found in
            found.logs.mapValues { log in
                var log = log
                log.atFrom = selection.from == nil ? nil : log.atFrom ?? log.end
                log.atTo = selection.to == nil ? nil : log.atTo ?? log.low
                return log
            }
        }
        return (result, ["This broker knows no offsets by time: the log was read for them."])
    }
}

/// Tells how far a reading is, a few times a second.
struct ProgressPace: Sendable {
    private static let interval = Duration.milliseconds(200)
    /// Asking for the time costs more than taking a record.
    private static let stride: Int64 = 4096

    private let tell: @Sendable (ReplayPlanner.Progress) -> Void
    private(set) var progress = ReplayPlanner.Progress()
    private var next = ContinuousClock.now + interval

    init(total: Int64, _ tell: @escaping @Sendable (ReplayPlanner.Progress) -> Void) {
        self.tell = tell
        progress.total = total
    }

    @inline(__always)
    mutating func scanned(matched: Bool) {
        progress.scanned += 1
        if matched { progress.matched += 1 }
        if progress.scanned & (Self.stride - 1) == 0 { tellIfDue() }
    }

    private mutating func tellIfDue() {
        let now = ContinuousClock.now
        guard now >= next else { return }
        next = now + Self.interval
        tell(progress)
    }

    func end() { tell(progress) }
}
