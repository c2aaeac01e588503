import Kokanee

extension ChaosCheck {
    /// How long a mark may take to be there, on a busy machine with nothing wrong.
    private static let markLag = 1 * History.second

    /// Of the executions that made an effect each but the first needs a fault that came between an effect and its mark, or a
    /// worker that could not know.
    static func once(_ history: History) -> [String] {
        var effects: [String: Int] = [:]
        for job in history.enqueued { if case .once(let effect) = job.end { effects[job.id] = effect } }
        let made = history.executions.filter { $0.outcome == .ok && effects[$0.id] != nil }
        // A broker that is restarted may forget what it has acknowledged.
        let forgets = history.faults.filter { $0.kind == .restartBroker }.map(\.until).max() ?? .min
        return Dictionary(grouping: made) { effects[$0.id] ?? -1 }.flatMap { effect, made -> [String] in
            let made = made.sorted { $0.start < $1.start }
            return zip(made, made.dropFirst()).compactMap { before, again in
                let end = before.end ?? .max
                if end <= forgets || history.isIgnorant(before.worker, at: end)
                    || history.isIgnorant(again.worker, at: again.start)
                {
                    return nil
                }
                let isExcused = history.faults.contains { fault in
                    (fault.from - markLag...fault.until + history.settling).contains(end)
                }
                return isExcused ? nil : "effect \(effect) was made by \(before.name), and again by \(again.name)"
            }
        }
    }
}
