/// What a row is to reach.
package enum Target: Sendable, Hashable {
    /// Ours is at least so many times the baseline: throughput.
    case ratioAtLeast(Double)
    /// Ours is at most so many times the baseline: cost.
    case ratioAtMost(Double)
    /// Ours is at most so much above the baseline, in the row's unit.
    case excessAtMost(Double)
    /// Ours is at most so much, in the row's unit.
    case atMost(Double)

    package func text(unit: String) -> String {
        switch self {
        case .ratioAtLeast(let bound): "ratio >= \(Self.text(bound))"
        case .ratioAtMost(let bound): "ratio <= \(Self.text(bound))"
        case .excessAtMost(let bound): "excess <= \(Self.number(bound)) \(unit)"
        case .atMost(let bound): "<= \(Self.number(bound)) \(unit)"
        }
    }

    /// Two decimals.
    static func text(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let cents = hundredths % 100
        return "\(hundredths / 100).\(cents < 10 ? "0" : "")\(cents)"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : "\(value)"
    }
}
