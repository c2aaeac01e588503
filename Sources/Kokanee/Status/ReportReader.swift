internal import RdKafka
internal import Synchronization

/// Reads what workers reported lately from the control topic.
struct ReportReader {
    /// How far back it reads: as far as a report counts, and what clocks may differ by.
    private static let window: Int64 = ReportedWorker.oblivion + 30_000
    /// Where the broker knows no offsets by time: so many records from each partition's end, which hold a minute's
    /// reports of 40 workers.
    private static let tail: Int64 = 250

    let configuration: ClientConfiguration
    let admin: AdminClient

    /// - Parameters:
    ///   - partitions: of the control topic; they may have any number.
    ///   - group: nil is every group.
    func read(_ partitions: [TopicPartition], group: String?, now: Int64) async throws -> [ReportedWorker] {
        let lows = try await admin.listOffsets(partitions, .earliest)
        let ends = try await admin.listOffsets(partitions, .latest)
        var starts: [TopicPartition: Int64]?
        do {
            starts = try await admin.listOffsets(partitions, .timestamp(now - Self.window))
        } catch {
            guard error.isUnsupported else { throw error }
        }
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in partitions {
            let end = ends[partition] ?? 0
            let low = min(lows[partition] ?? 0, end)
            ranges[partition] = min(end, max(low, starts?[partition] ?? end - Self.tail))..<end
        }
        guard ranges.values.contains(where: { !$0.isEmpty }) else { return [] }
        let records = Mutex<[(key: String, value: [UInt8]?, timestamp: Int64)]>([])
        let prefix = WorkerReport.keyPrefix(group: group)
        try await TopicReader.read(ranges, configuration: configuration, stallTimeout: .seconds(10)) { record in
            guard let key = record.key?.text, key.hasPrefix(prefix) else { return true }
            let value = record.value.map { $0.withUnsafeBytes(Array.init) }
            records.withLock { $0.append((key, value, record.timestamp)) }
            return true
        }
        return ReportedWorker.workers(records.withLock { $0 }, group: group, now: now)
    }
}
