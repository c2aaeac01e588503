internal import Kokanee

/// A queue's limits, and who said them: an operator, whose word counts alone, or the workers' code.
struct LimitReport {
    struct Row: Equatable {
        var limit: JobLimit
        /// The workers whose code says so; nil is an operator's word.
        var workers: [String]?
        /// Whether all workers that report say so.
        var isOfAll = true
    }

    private static let mostNames = 3

    /// What counts.
    let rows: [Row]
    /// What there is to say beside it.
    let remarks: [String]

    /// - Parameters:
    ///   - table: what was set by hand; nil where nothing was.
    ///   - workers: what those say that report.
    init(queue: String, table: LimitTable?, workers: [(worker: String, limits: [JobLimit])]) {
        let ofCode = Self.rows(workers)
        if let table {
            rows = table.limits.map { Row(limit: $0) }
            var remarks: [String] = []
            if table.limits.isEmpty {
                remarks.append("\(queue) is set to have no limits, whatever the workers' code says")
            }
            if !ofCode.isEmpty {
                let count = ofCode.count == 1 ? "a limit" : "\(ofCode.count) limits"
                remarks.append(
                    "the workers' code says \(count), which counts again after: kokanee limits \(queue) clear"
                )
            }
            self.remarks = remarks
        } else {
            rows = ofCode
            let unset = "no limits of \(queue) are set by hand"
            remarks =
                if workers.isEmpty {
                    ["\(unset); what the workers' code says counts, and none reports now, so that it can't be shown"]
                } else if ofCode.isEmpty {
                    ["\(unset), and the workers' code has none"]
                } else {
                    ["\(unset); what the workers' code says counts"]
                }
        }
    }

    private static func rows(_ workers: [(worker: String, limits: [JobLimit])]) -> [Row] {
        var rows: [Row] = []
        for (worker, limits) in workers {
            for limit in limits {
                if let index = rows.firstIndex(where: { $0.limit == limit }) {
                    rows[index].workers?.append(worker)
                } else {
                    rows.append(Row(limit: limit, workers: [worker]))
                }
            }
        }
        for index in rows.indices { rows[index].isOfAll = rows[index].workers?.count == workers.count }
        return rows
    }

    var table: Table {
        var table = Table([
            .text("type"), .text("for"), .number("concurrency"), .text("rate"), .number("burst"), .text("source"),
        ])
        for row in rows {
            let limit = row.limit
            table.add([
                (limit.type ?? "all").onOneLine, limit.grouping.words, limit.concurrency.map { "\($0)" } ?? "",
                limit.rate?.text ?? "", limit.rate == nil ? "" : "\(limit.burstOrDefault)", Self.source(row),
            ])
        }
        return table
    }

    private static func source(_ row: Row) -> String {
        guard let workers = row.workers else { return "set by hand" }
        guard !row.isOfAll else { return "the workers' code" }
        let more = workers.count > mostNames ? " and \(workers.count - mostNames) more" : ""
        return "the code of \(workers.prefix(mostNames).joined(separator: ", "))\(more)".onOneLine
    }

    static func json(_ row: Row) -> JSONObjectWriter {
        let limit = row.limit
        var object = JSONObjectWriter()
        if let type = limit.type { object.add("type", type) }
        switch limit.grouping {
        case .none: break
        case .key: object.add("perKey", true)
        case .prefix(let separator): object.add("keyGroup", separator)
        }
        if let concurrency = limit.concurrency { object.add("concurrency", concurrency) }
        if let rate = limit.rate {
            object.add("rate", rate.text)
            object.add("burst", limit.burstOrDefault)
        }
        if limit.allowsOvertaking { object.add("overtaking", true) }
        object.add("source", row.workers == nil ? "hand" : "code")
        if let workers = row.workers { object.add("workers", workers) }
        return object
    }
}

extension JobLimit.Grouping {
    fileprivate var words: String {
        switch self {
        case .none: "all together"
        case .key: "each key"
        case .prefix(let separator): "each key up to \(separator.onOneLine)"
        }
    }
}
