import Kokanee

// MARK: - Schedules

extension ChaosCheck {
    /// Each tick of a schedule is fired once.
    static func repeatedTicks(_ history: History) -> [String] {
        Dictionary(grouping: history.ticks, by: \.id).values.flatMap { ticks -> [String] in
            let ticks = ticks.sorted { $0.writtenAt < $1.writtenAt }
            return zip(ticks, ticks.dropFirst()).compactMap { first, again in
                "\(again.id) was fired again \((again.writtenAt - first.writtenAt) / 1_000_000) ms later"
            }
        }.sorted()
    }

    /// Nor is one left out, of a schedule that catches up.
    static func missingTicks(_ history: History) -> [String] {
        history.schedules.filter { !$0.skips }.flatMap { schedule in
            let fired = Set(history.ticks.filter { $0.schedule == schedule.name }.map(\.at))
            return schedule.due.filter { !fired.contains($0) }.map { "\(schedule.name) never fired its tick of \($0)" }
        }
    }

    /// Nothing is fired before its time, and nothing but ticks.
    static func earlyTicks(_ history: History) -> [String] {
        history.ticks.filter { $0.writtenAt < $0.dueAt - logPrecision }.map {
            "\($0.id) was fired \(($0.dueAt - $0.writtenAt) / 1_000_000) ms before its time"
        }
    }

    /// A schedule that skips fires nothing while its last job has not come to its end.
    static func besideTicks(_ history: History) -> [String] {
        let completed = history.executions.filter { $0.outcome == .ok }
        let ends = Dictionary(completed.map { ($0.id, $0.end ?? .max) }, uniquingKeysWith: min)
        return history.schedules.filter(\.skips).flatMap { schedule -> [String] in
            let ticks = history.ticks.filter { $0.schedule == schedule.name }.sorted { $0.at < $1.at }
            return zip(ticks, ticks.dropFirst()).compactMap { last, next in
                guard last.id != next.id, next.writtenAt < (ends[last.id] ?? .max) - logPrecision else { return nil }
                return "\(next.id) was fired though \(last.id) had not come to its end"
            }
        }
    }
}
