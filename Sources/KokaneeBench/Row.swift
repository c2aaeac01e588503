/// A line of the table: what is measured, beside what, and what it is to reach.
package struct Row: Sendable, Hashable {
    /// Short and stable: scripts know it.
    package let name: String
    /// What is measured, and against what, for people.
    package let summary: String
    package let unit: String
    /// Nil where there is nothing to reach: it says what another row's target is worth on this machine.
    package let target: Target?
    package var targetText: String? { target?.text(unit: unit) }
    /// Whether `--quick` measures it.
    package let isQuick: Bool

    init(_ name: String, _ summary: String, unit: String, _ target: Target?, isQuick: Bool = true) {
        self.name = name
        self.summary = summary
        self.unit = unit
        self.target = target
        self.isQuick = isQuick
    }
}

/// What measures one row, or several that come from the same runs.
protocol Experiment: Sendable {
    var rows: [Row] { get }
    /// More would only take time: what is measured hardly varies.
    var maximumRounds: Int { get }

    /// Makes the topics and fills them.
    func begin(_ stage: Stage) throws -> any Trial
}

extension Experiment {
    var maximumRounds: Int { .max }
}

/// An experiment whose topics are there.
protocol Trial {
    /// Measures each row once, ours and the baseline in the turn's order.
    ///
    /// - Returns: by the rows' names.
    func measure(_ turn: Turn) throws -> [String: Measurement.Round]
}

/// Who goes first in a round: it changes with every round, because the second finds another machine than the first.
struct Turn: Sendable {
    let isSwapped: Bool

    func take<Ours, Baseline>(
        ours: () throws -> Ours,
        baseline: () throws -> Baseline
    ) rethrows -> (ours: Ours, baseline: Baseline) {
        if isSwapped {
            let second = try baseline()
            return (try ours(), second)
        }
        return (try ours(), try baseline())
    }

    func ordered<Point>(_ points: [Point]) -> [Point] {
        isSwapped ? points.reversed() : points
    }
}

/// What became of a row.
package struct RowResult: Sendable {
    package let row: Row
    package let measurement: Measurement
    /// Nil where there is no target.
    package var isMet: Bool? { row.target.map(measurement.meets) }

    /// What the row is judged by, where that is what ours is above the baseline.
    package var excess: Double? {
        guard case .excessAtMost = row.target else { return nil }
        return measurement.excess
    }

    package init(row: Row, measurement: Measurement) {
        self.row = row
        self.measurement = measurement
    }
}
