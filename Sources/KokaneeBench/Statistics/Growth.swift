/// How much a cost grows with the work.
enum Growth {
    /// The pair of points between which the cost grew most: the later one's, and the earlier one's.
    ///
    /// Every point is held against all before it, so that a cost that falls at first, as that of starting up does, can't hide
    /// that it rises later.
    ///
    /// - Parameter costs: by growing work; at least two.
    static func worst(_ costs: [Double]) -> Measurement.Round {
        precondition(costs.count >= 2, "one point does not show any growth")
        var least = costs[0]
        var worst = Measurement.Round(value: costs[1], baseline: costs[0])
        for cost in costs.dropFirst() {
            if cost / least > worst.value / worst.baseline! { worst = .init(value: cost, baseline: least) }
            least = min(least, cost)
        }
        return worst
    }
}
