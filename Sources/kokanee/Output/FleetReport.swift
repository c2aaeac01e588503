internal import Kokanee

/// The words of orders to a queue's workers, and of what became of them.
enum FleetReport {
    /// What was, and what is.
    static func line(_ change: QueueControl.Change, queue: Queue) -> String {
        let what = change.type.map { "type \($0) of \(queue.name)" } ?? queue.name
        let before = change.before.map { "\($0.mode) since \(Timestamp.text($0.at)) by \($0.words)" }
        switch (change.now, change.isNews) {
        case (let now?, true):
            let wasBefore = change.before.map { "; it was \($0.mode) by \($0.words)" } ?? ""
            return "\(what) is \(now.mode): workers obey within a second\(wasBefore)".onOneLine
        case (.some, false): return "\(what) was \(before ?? "so") already".onOneLine
        case (nil, true): return "\(what) runs again; it was \(before ?? "at rest")".onOneLine
        case (nil, false): return "\(what) was not paused".onOneLine
        }
    }

    static func json(_ change: QueueControl.Change, queue: Queue) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("queue", queue.name)
        if let type = change.type { object.add("type", type) }
        object.add("state", change.now?.mode.description ?? "running")
        object.add("before", change.before?.mode.description ?? "running")
        object.add("changed", change.isNews)
        return object
    }

    /// What happens to the schedules of a queue that is paused, or of some of its types.
    ///
    /// - Parameters:
    ///   - schedules: those that are not paused themselves.
    ///   - types: none is the whole queue.
    static func firing(_ schedules: [Schedule], queue: String, types: [String]) -> [String] {
        let firing = schedules.filter { types.isEmpty || types.contains($0.type) }.map(\.name)
        guard let first = firing.first else { return [] }
        let names = firing.prefix(5).joined(separator: ", ") + (firing.count > 5 ? " and \(firing.count - 5) more" : "")
        return [
            "\(firing.count == 1 ? "schedule" : "schedules") \(names) of \(queue) fire\(firing.count == 1 ? "s" : "") "
                + "all the same, and the jobs wait; to have none enqueued: kokanee cron pause \(queue) \(first)"
        ]
        .map(\.onOneLine)
    }

    static func line(_ progress: DrainProgress) -> String {
        var parts: [String] = []
        if progress.left > 0 || progress.running > 0 {
            let why = progress.waits.compactMap(words).joined(separator: ", ")
            let left = "\(count(max(progress.left, progress.running))) left, \(progress.running) running"
            parts.append(why.isEmpty ? left : "\(left), \(why)")
        }
        if progress.left > 0, progress.circuit != .closed { parts.append("the circuit is \(progress.circuit)") }
        if !progress.unheard.isEmpty {
            parts.append("not heard yet: \(progress.unheard.prefix(10).joined(separator: ", "))")
        }
        return parts.isEmpty ? "at rest" : parts.joined(separator: "; ").onOneLine
    }

    /// Nil for those that run, whose number is said before.
    private static func words(_ wait: DrainWait) -> String? {
        let subject = wait.subject ?? "?"
        switch wait.reason {
        case .running: return nil
        case .ready: return "\(wait.jobs) ready to run"
        case .key: return "\(wait.jobs) behind another of their key"
        case .typePaused: return "\(wait.jobs) of type \(subject), which is paused"
        case .limit: return "\(wait.jobs) held by the limit of \(subject)"
        case .notDue: return "\(wait.jobs) nearly due"
        case .hopping: return "\(wait.jobs) on the way to a rung or the dead letters"
        default: return "\(wait.jobs) \(wait.reason)"
        }
    }

    /// What can be done about what a drain waits for.
    static func advice(_ progress: DrainProgress, queue: String) -> [String] {
        var lines = progress.waits.compactMap { wait -> String? in
            let subject = wait.subject ?? "?"
            switch wait.reason {
            case .typePaused:
                return "a paused type's jobs keep the drain waiting until: kokanee resume \(queue) --type \(subject)"
            case .limit:
                return "the limit of \(subject) lets its jobs start in their time, none if it is 0; see: "
                    + "kokanee limits \(queue)"
            default: return nil
            }
        }
        if progress.left > 0, progress.circuit != .closed {
            lines.append("nothing starts while the circuit is open; see: kokanee status \(queue)")
        }
        if !progress.unheard.isEmpty {
            lines.append("a worker that tells nothing for half a minute counts as gone")
        }
        return lines.map(\.onOneLine)
    }

    private static func count(_ jobs: Int) -> String { jobs == 1 ? "1 job" : "\(jobs) jobs" }

    static func json(_ progress: DrainProgress, queue: Queue) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("queue", queue.name)
        object.add("state", "drained")
        object.add("workers", progress.obeying.count)
        object.add("silentWorkers", progress.silent.count)
        return object
    }

    static func line(_ cancelled: QueueControl.Cancelled) -> String {
        let cancellation = cancelled.cancellation
        guard cancelled.stoodBefore else {
            return "job \(cancellation.id) is cancelled, until \(Timestamp.text(cancellation.expiresAt))".onOneLine
        }
        let since = Timestamp.text(cancellation.at)
        return "job \(cancellation.id) was \(cancellation.words) at \(since) already".onOneLine
    }

    static func json(id: String, isCancelled: Bool, changed: Bool) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("id", id)
        object.add("cancelled", isCancelled)
        object.add("changed", changed)
        return object
    }

    // MARK: - Status

    /// At a glance, behind the queue's name: ` PAUSED`.
    static func flag(_ orders: QueueOrders) -> String {
        orders.pause.map { "  \($0.mode.description.uppercased())" } ?? ""
    }

    /// What operators want of a queue, for its status.
    static func lines(_ status: QueueStatus) -> [String] {
        let orders = status.orders
        var lines: [String] = []
        if let pause = orders.pause {
            var line = "\(pause.mode) \(since(pause, status)) by \(pause.words)"
            if pause.mode == .draining {
                let reports = status.reports + status.otherReports
                let progress = DrainProgress(of: pause, reports: reports, members: nil)
                line = progress.isDone ? "drained: nothing runs; \(line)" : "\(line); \(Self.line(progress))"
            }
            lines.append("! \(line); go on by: kokanee resume \(status.queue)")
        }
        lines += orders.pausedTypes.map { pause in
            let type = pause.type ?? ""
            return "! type \(type) paused \(since(pause, status)) by \(pause.words); go on by: "
                + "kokanee resume \(status.queue) --type \(type)"
        }
        if !orders.cancellations.isEmpty { lines.append("cancelled: \(count(orders.cancellations.count))") }
        return lines.map(\.onOneLine)
    }

    private static func since(_ pause: Pause, _ status: QueueStatus) -> String {
        "for \(StatusReport.age(max(0, status.takenAt - pause.at)))"
    }

    static func add(_ orders: QueueOrders, to object: inout JSONObjectWriter) {
        if let pause = orders.pause {
            object.add("paused", object: json(pause))
        } else {
            object.addNull("paused")
        }
        object.add("pausedTypes", objects: orders.pausedTypes.map(json))
        object.add("cancellations", orders.cancellations.count)
    }

    private static func json(_ pause: Pause) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        if let type = pause.type { object.add("type", type) }
        object.add("state", pause.mode.description)
        object.add("by", pause.by)
        object.add("since", Timestamp.text(pause.at))
        if let reason = pause.reason { object.add("reason", reason) }
        return object
    }
}
