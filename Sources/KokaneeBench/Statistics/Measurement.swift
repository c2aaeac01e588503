/// The rounds of one row, and what they come to.
///
/// Ours and the baseline are measured in turn in every round, so that what the machine does beside weighs on both: the ratio
/// is taken round by round, and its median counts.
package struct Measurement: Sendable, Hashable {
    package struct Round: Sendable, Hashable {
        package var value: Double
        /// Nil for rows that stand by themselves.
        package var baseline: Double?

        package init(value: Double, baseline: Double?) {
            self.value = value
            self.baseline = baseline
        }
    }

    package var rounds: [Round]

    /// - Precondition: at least one round.
    package init(_ rounds: [Round]) {
        precondition(!rounds.isEmpty, "a row that was never measured")
        self.rounds = rounds
    }

    /// Medians.
    package var value: Double { Self.median(rounds.map(\.value)) }
    package var baseline: Double? { baselines.map(Self.median) }
    package var ratio: Double? { ratios.map(Self.median) }
    /// What ours is above the baseline.
    package var excess: Double? { baselines.map { Self.median(zip(rounds, $0).map { $0.value - $1 }) } }

    /// How far the rounds are apart: the largest ratio less the smallest, over the median; of the values where there is no
    /// baseline. 0 where all are the same, also nought.
    package var spread: Double {
        let values = ratios ?? rounds.map(\.value)
        let median = Self.median(values)
        guard median != 0, let least = values.min(), let most = values.max() else { return 0 }
        return (most - least) / abs(median)
    }

    package func meets(_ target: Target) -> Bool {
        switch target {
        case .ratioAtLeast(let bound): ratio.map { $0 >= bound } ?? false
        case .ratioAtMost(let bound): ratio.map { $0 <= bound } ?? false
        case .excessAtMost(let bound): excess.map { $0 <= bound } ?? false
        case .atMost(let bound): value <= bound
        }
    }

    private var baselines: [Double]? {
        let baselines = rounds.compactMap(\.baseline)
        return baselines.count == rounds.count ? baselines : nil
    }

    private var ratios: [Double]? {
        guard let baselines, baselines.allSatisfy({ $0 != 0 }) else { return nil }
        return zip(rounds, baselines).map { $0.value / $1 }
    }

    /// The middle one; of an even number the mean of the two in the middle.
    package static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        guard sorted.count.isMultiple(of: 2), middle > 0 else { return sorted[middle] }
        return (sorted[middle - 1] + sorted[middle]) / 2
    }
}
