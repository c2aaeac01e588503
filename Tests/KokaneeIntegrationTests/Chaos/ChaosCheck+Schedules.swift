import Kokanee

// MARK: - Schedules

extension ChaosCheck {
    /// How long a worker goes on that has lost its partitions to another, where groups don't wait for it.
    private static let heartbeat = 4 * History.second

    /// Whether two workers may have been in charge, and neither shut out, when a tick was fired: a broker that was restarted
    /// does not know any more which of them had taken over last. So what was under way when it was ended may come
    /// through beside what the next in charge has fired; and so may what each fires while both believe to own the
    /// partition.
    private static func isUnfenced(_ tick: History.Tick, _ history: History) -> Bool {
        history.restarts.contains { restart in
            guard restart.from <= tick.writtenAt else { return false }
            return history.dueAt(tick.at) <= restart.until
                || history.workers.values.contains { worker in
                    worker.assignments.contains { assigned in
                        assigned >= restart.from && (assigned...assigned + heartbeat).contains(tick.writtenAt)
                    }
                }
        }
    }

    /// Each tick of a schedule is fired once.
    static func repeatedTicks(_ history: History) -> [String] {
        Dictionary(grouping: history.ticks, by: \.id).values.flatMap { ticks -> [String] in
            let ticks = ticks.sorted { $0.writtenAt < $1.writtenAt }
            return zip(ticks, ticks.dropFirst()).compactMap { first, again in
                guard !isUnfenced(again, history) else { return nil }
                return "\(again.id) was fired again \((again.writtenAt - first.writtenAt) / 1_000_000) ms later"
            }
        }.sorted()
    }

    /// Nor is one left out, of a schedule that catches up.
    ///
    /// Of what was fired just when the separate broker was ended it may have kept the note that it was, and not the job; what
    /// became due while it was away has to be made up for.
    static func missingTicks(_ history: History) -> [String] {
        history.schedules.filter { !$0.skips }.flatMap { schedule in
            let fired = Set(history.ticks.filter { $0.schedule == schedule.name }.map(\.at))
            return schedule.due.filter { tick in
                guard !fired.contains(tick) else { return false }
                let due = history.dueAt(tick)
                return !history.restarts.contains {
                    ($0.from - History.second...$0.from + History.second / 2).contains(due)
                }
            }.map { "\(schedule.name) never fired its tick of \($0)" }
        }
    }

    /// Nothing is fired before its time, and nothing but ticks.
    static func earlyTicks(_ history: History) -> [String] {
        history.ticks.compactMap { tick in
            let early = history.dueAt(tick.at) - tick.writtenAt
            return early > logPrecision ? "\(tick.id) was fired \(early / 1_000_000) ms before its time" : nil
        }
    }

    /// A schedule that skips fires nothing while its last job has not come to its end.
    static func besideTicks(_ history: History) -> [String] {
        let completed = history.executions.filter { $0.outcome == .ok }
        let ends = Dictionary(completed.map { ($0.id, $0.end ?? .max) }, uniquingKeysWith: min)
        return history.schedules.filter(\.skips).flatMap { schedule -> [String] in
            let ticks = history.ticks.filter { $0.schedule == schedule.name }.sorted { $0.at < $1.at }
            return zip(ticks, ticks.dropFirst()).compactMap { last, next in
                let end = ends[last.id] ?? .max
                guard last.id != next.id, next.writtenAt < end - logPrecision, !isUnfenced(next, history) else {
                    return nil
                }
                return "\(next.id) was fired though \(last.id) had not come to its end"
            }
        }
    }
}
