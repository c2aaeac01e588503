/// A worker's last report, and how old it is.
public struct ReportedWorker: Sendable, Hashable {
    /// A report is renewed each 10 seconds: a worker of which this much has passed without one is silent.
    static let silence: Int64 = 30_000
    /// And one of which this much has passed is not shown.
    static let oblivion: Int64 = 60_000

    public let report: WorkerReport
    /// In milliseconds; from the broker's clock to this process's.
    public let age: Int64

    /// The worker has died, or stands still, or can't reach the cluster.
    public var isSilent: Bool { age > Self.silence }

    /// The reports that are to be shown.
    ///
    /// - Parameter records: of the control topic's key, in the log's order, the last of each being the one that counts;
    ///   with the record's timestamp.
    /// - Parameter group: nil is every group.
    static func workers(
        _ records: [(key: String, value: [UInt8]?, timestamp: Int64)],
        group: String?,
        now: Int64
    ) -> [ReportedWorker] {
        var last: [String: ReportedWorker] = [:]
        for record in records where record.key.hasPrefix(WorkerReport.keyPrefix(group: group)) {
            guard let report = record.value.flatMap(WorkerReport.init(json:)), report.group == group ?? report.group
            else {
                last[record.key] = nil
                continue
            }
            let since = record.timestamp >= 0 ? record.timestamp : report.at
            last[record.key] = ReportedWorker(report: report, age: max(0, now - since))
        }
        return last.values.filter { $0.age <= oblivion }.sorted { $0.report.name < $1.report.name }
    }
}
