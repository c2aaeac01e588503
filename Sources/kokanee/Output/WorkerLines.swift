internal import Kokanee

/// What a queue's workers say of themselves, for people: the well ones in a line, the others with what to do.
struct WorkerLines {
    /// Workers that are told one by one.
    private static let mostWorkers = 20

    private let status: QueueStatus

    init(_ status: QueueStatus) {
        self.status = status
    }

    var lines: [String] {
        if let failure = status.reportFailure {
            return ["the workers' reports can't be read: \(failure)".onOneLine]
        }
        // Those with trouble first.
        let workers = status.reports.sorted { (Self.health($1), $0.report.name) < (Self.health($0), $1.report.name) }
        var lines = workers.prefix(Self.mostWorkers).flatMap(describe)
        if workers.count > Self.mostWorkers { lines.append("and \(workers.count - Self.mostWorkers) more workers") }
        return lines.map(\.onOneLine)
    }

    private static func health(_ worker: ReportedWorker) -> Health.Level {
        worker.isSilent ? max(worker.report.health, .degraded) : worker.report.health
    }

    private func describe(_ worker: ReportedWorker) -> [String] {
        let report = worker.report
        let circuit = report.circuit == .closed ? "" : ", circuit \(report.circuit)"
        guard !worker.isSilent else {
            return [
                "! worker \(report.name) silent for \(StatusReport.age(worker.age)): it died, stands still, or is cut off"
            ]
        }
        guard report.health > .ok else { return ["worker \(report.name) \(report.health)\(circuit)"] }
        return ["! worker \(report.name) \(report.health)\(circuit)"]
            + report.alerts.flatMap { ["    \($0.kind): \($0.text)", "      do: \($0.advice)"] }
    }
}
