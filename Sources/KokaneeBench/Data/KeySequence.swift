/// Which key each job has. The same words give the same keys in every process, so that who fills a topic and who computes what
/// is ideal need not tell each other.
struct KeySequence: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case distinct
        /// So many keys, in turn.
        case cyclic(Int)
        /// So many keys, the n-th of them with a weight of 1/n.
        case zipf(Int)
    }

    let kind: Kind

    /// `distinct`, `cyclic:N` or `zipf:N`.
    init?(text: String) {
        let parts = text.split(separator: ":")
        switch (parts.first, parts.dropFirst().first.flatMap { Int($0) }) {
        case ("distinct", nil): kind = .distinct
        case ("cyclic", let count?) where count > 0: kind = .cyclic(count)
        case ("zipf", let count?) where count > 0: kind = .zipf(count)
        default: return nil
        }
    }

    func keys(count: Int) -> [UInt32] {
        switch kind {
        case .distinct: return (0..<count).map { UInt32(truncatingIfNeeded: $0) }
        case .cyclic(let keys): return (0..<count).map { UInt32(truncatingIfNeeded: $0 % keys) }
        case .zipf(let keys):
            let shares = Self.cumulativeShares(keys)
            var generator = SplitMix64(state: 1)
            return (0..<count).map { _ in Self.first(in: shares, above: generator.nextUnit()) }
        }
    }

    private static func cumulativeShares(_ keys: Int) -> [Double] {
        var sum = 0.0
        let sums = (1...keys).map { rank in
            sum += 1 / Double(rank)
            return sum
        }
        return sums.map { $0 / sum }
    }

    private static func first(in shares: [Double], above value: Double) -> UInt32 {
        var low = 0
        var high = shares.count - 1
        while low < high {
            let middle = (low + high) / 2
            if shares[middle] > value { high = middle } else { low = middle + 1 }
        }
        return UInt32(low)
    }
}

/// Steele, Lea and Flood's generator: small, and the same everywhere.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// From 0 up to, and without, 1.
    mutating func nextUnit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }
}
