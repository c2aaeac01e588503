internal import Kokanee

/// A queue's status, for people and for programs.
struct StatusReport {
    /// Up to so many partitions are shown without being asked for.
    private static let fewPartitions = 12
    /// Stalled partitions that are told one by one.
    private static let mostStalls = 20

    private let status: QueueStatus
    private let replays: [RunningReplay]

    init(_ status: QueueStatus, replays: [RunningReplay] = []) {
        self.status = status
        self.replays = replays
    }

    // MARK: - For people

    func text(showsPartitions: Bool) -> String {
        let health = status.health.map { "  health \($0)" } ?? ""
        let flag = FleetReport.flag(status.orders)
        var lines = ["\(status.queue)\(flag)  group \(status.group)  circuit \(status.circuit)\(health)".onOneLine]
        lines += FleetReport.lines(status).map { "  \($0)" }
        let retrying = status.retrying.reduce(0) { $0 + $1.waiting }
        let rungs = status.retrying.map { "\($0.name) \($0.waiting)" }.joined(separator: "  ")
        let oldest = status.oldestWaitingMilliseconds.map { "oldest \(Self.age($0))" }
        lines += Self.aligned([
            ("waiting", "\(status.waiting)", oldest ?? ""),
            ("retrying", "\(retrying)", rungs),
            ("dead", "\(status.dead)", status.dead > 0 ? "kokanee dlq list \(status.queue)" : ""),
            ("workers", "\(status.workers)", workersNote),
            ("stalled", "\(status.stalls.count)", ""),
        ])
        lines += status.stalls.prefix(Self.mostStalls).map { "  \(reason($0).onOneLine)" }
        if status.stalls.count > Self.mostStalls {
            lines.append("  and \(status.stalls.count - Self.mostStalls) more partitions")
        }
        lines += status.running.prefix(Self.mostStalls).map { "  \(running($0).onOneLine)" }
        if status.running.count > Self.mostStalls {
            lines.append("  and \(status.running.count - Self.mostStalls) more partitions whose job runs")
        }
        lines += status.limited.prefix(Self.mostStalls).map { "  \(limited($0).onOneLine)" }
        if status.limited.count > Self.mostStalls {
            lines.append("  and \(status.limited.count - Self.mostStalls) more partitions whose job a limit holds")
        }
        lines += replays.map { "  \($0.line)" }
        lines += WorkerLines(status).lines.map { "  \($0)" }
        if showsPartitions || status.partitions.count <= Self.fewPartitions {
            lines += partitions.text().split(separator: "\n").map { "  \($0)" }
        } else {
            lines.append("  \(status.partitions.count) partitions; -v shows each with its owner")
        }
        return lines.joined(separator: "\n")
    }

    private var workersNote: String {
        if status.isRebalancing { return "the group rebalances: whose a partition is is known when that is over" }
        return status.membersAreKnown ? "" : "as told by their reports and commits"
    }

    /// Why a partition counts as stalled, and whose turn it is.
    private func reason(_ stall: QueueStatus.Stall) -> String {
        let age = Self.age(max(0, status.takenAt - stall.job.timestamp))
        let job = "job \(stall.job.id) of type \(stall.job.type), \(age) old, at offset \(stall.job.offset)"
        let last = stall.lastOwner.map { "; the last to commit was \($0)" } ?? ""
        let owner =
            switch (stall.owner, status.membersAreKnown) {
            case (let owner?, _): "\(owner) works the partition"
            case (nil, true) where status.isRebalancing: "the group rebalances, and whose it is now is not known\(last)"
            case (nil, true): "no worker has the partition\(last)"
            case (nil, false): "whether a worker has the partition, this broker can't tell\(last)"
            }
        let still = Self.age(stall.milliseconds)
        return "! partition \(stall.partition) has not moved for \(still): held by \(job); \(owner)"
    }

    /// Why a partition that does not move is not stalled.
    private func running(_ running: QueueStatus.Running) -> String {
        let age = Self.age(max(0, status.takenAt - running.since))
        let job = "job \(running.job.id) of type \(running.job.type)"
        let who = running.behind.map { "\(job) waits for job \($0) of its key, which is" } ?? "\(job) is"
        return "partition \(running.partition): \(who) running since \(Timestamp.text(running.since)), \(age), on "
            + "\(running.worker), and has time left"
    }

    /// As ``running(_:)``, of a job that may not start.
    private func limited(_ limited: QueueStatus.Limited) -> String {
        let job = "job \(limited.job.id) of type \(limited.job.type)"
        return "partition \(limited.partition): a limit holds \(job) back, on \(limited.worker): "
            + "kokanee limits \(status.queue)"
    }

    private var partitions: Table {
        var table = Table([
            .number("partition"), .number("committed"), .number("end"), .number("waiting"), .text("owner"),
        ])
        for partition in status.partitions {
            table.add([
                "\(partition.partition)", partition.committed.map { "\($0)" } ?? "-", "\(partition.end)",
                "\(partition.waiting)", partition.owner ?? "-",
            ])
        }
        return table
    }

    private static func aligned(_ rows: [(name: String, number: String, note: String)]) -> [String] {
        let names = rows.map(\.name.count).max() ?? 0
        let numbers = rows.map(\.number.count).max() ?? 0
        return rows.map { row in
            let name = row.name + String(repeating: " ", count: names - row.name.count)
            let number = String(repeating: " ", count: numbers - row.number.count) + row.number
            return "  \(name)  \(number)\(row.note.isEmpty ? "" : "  \(row.note)")"
        }
    }

    /// The two largest units, which is as much as people read: `2h5m`, `3d1h`, `40s`, `250ms`.
    static func age(_ milliseconds: Int64) -> String {
        let units: [(name: String, milliseconds: Int64)] = [
            ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
        ]
        guard let first = units.firstIndex(where: { milliseconds >= $0.milliseconds }) else { return "0s" }
        let (whole, rest) = milliseconds.quotientAndRemainder(dividingBy: units[first].milliseconds)
        let text = "\(whole)\(units[first].name)"
        guard first < 3 else { return text }
        let next = rest / units[first + 1].milliseconds
        return next > 0 ? "\(text)\(next)\(units[first + 1].name)" : text
    }

    // MARK: - For programs

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("queue", status.queue)
        object.add("group", status.group)
        object.add("waiting", status.waiting)
        var retrying = JSONObjectWriter()
        for rung in status.retrying { retrying.add(rung.name, rung.waiting) }
        object.add("retrying", object: retrying)
        object.add("dead", status.dead)
        if let oldest = status.oldestWaitingMilliseconds {
            object.add("oldestWaitingSeconds", Double(oldest) / 1000)
        } else {
            object.addNull("oldestWaitingSeconds")
        }
        object.add("workers", status.workers)
        object.add("stalledPartitions", integers: status.stalls.map(\.partition))
        object.add("circuit", status.circuit.description)
        object.add("partitions", objects: status.partitions.map(Self.json))
        object.add("running", objects: status.running.map(Self.json))
        object.add("limited", objects: status.limited.map(Self.json))
        if status.membersAreKnown {
            object.add("rebalancing", status.isRebalancing)
        } else {
            object.addNull("rebalancing")
        }
        if let health = status.health {
            object.add("health", health.name)
        } else {
            object.addNull("health")
        }
        var metrics = JSONObjectWriter()
        for (name, value) in status.metrics.sorted(by: { $0.key < $1.key }) { metrics.add(name, value) }
        object.add("metrics", object: metrics)
        object.add("workerReports", objects: status.reports.map(Self.json))
        object.add("replays", objects: replays.map(\.json))
        FleetReport.add(status.orders, to: &object)
        return object
    }

    private static func json(_ worker: ReportedWorker) -> JSONObjectWriter {
        var object = worker.report.json
        object.add("silent", worker.isSilent)
        object.add("ageSeconds", Double(worker.age) / 1000)
        return object
    }

    /// The job that holds a partition's watermark.
    private static func json(_ job: QueueStatus.Job, in partition: Int32) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("partition", partition)
        object.add("offset", job.offset)
        object.add("id", job.id)
        object.add("type", job.type)
        return object
    }

    private static func json(_ running: QueueStatus.Running) -> JSONObjectWriter {
        var object = json(running.job, in: running.partition)
        object.add("since", Timestamp.text(running.since))
        if let behind = running.behind { object.add("behind", behind) }
        object.add("worker", running.worker)
        return object
    }

    private static func json(_ limited: QueueStatus.Limited) -> JSONObjectWriter {
        var object = json(limited.job, in: limited.partition)
        object.add("worker", limited.worker)
        return object
    }

    private static func json(_ partition: QueueStatus.Partition) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("partition", partition.partition)
        object.add("committed", orNull: partition.committed)
        object.add("end", partition.end)
        if let owner = partition.owner {
            object.add("owner", owner)
        } else {
            object.addNull("owner")
        }
        return object
    }
}
