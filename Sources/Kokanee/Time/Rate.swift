/// How often something may happen, at most: so many in a second, a minute, an hour or a day.
public struct Rate: Sendable, Hashable {
    /// From once a day to a thousand million a second.
    public let perSecond: Double

    private static let fastest = 1e9
    private static let units: [(name: String, seconds: Double)] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]

    /// Reads `50/s`, `10/m`, `3000/h`, `2/d`, or a bare number, which is per second. Decimals are read: `0.5/s`.
    ///
    /// - Throws: ``InputError``, which says what is accepted.
    public init(text: String) throws {
        func problem(_ reason: String) -> InputError {
            InputError(
                "\(SafeText.quoted(text)) is not a rate: \(reason). Accepted are 50/s, 10/m, 3000/h, 2/d, "
                    + "and a bare number, which is per second"
            )
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let count = Self.number(parts[0]) else {
            throw problem(parts[0].isEmpty ? "a number is missing" : "it must begin with a number above 0")
        }
        let unitName = parts.count > 1 ? parts[1] : "s"
        guard let unit = Self.units.first(where: { $0.name == unitName }) else {
            throw problem("\(SafeText.quoted(unitName)) is no unit")
        }
        let rate = count / unit.seconds
        guard count > 0 else { throw problem("nothing would ever happen") }
        // A hair of room, since a day's share of a second is no exact number.
        guard rate >= 1 / 86_400.0 * 0.999_999 else { throw problem("it is less than once a day") }
        guard rate <= Self.fastest else { throw problem("it is more than 1000000000/s") }
        perSecond = rate
    }

    /// The rate in the first unit in which it is a whole number: `50/s`, `10/m`. ``init(text:)`` reads it back.
    public var text: String {
        for unit in Self.units {
            let count = perSecond * unit.seconds
            let whole = count.rounded()
            if whole >= 1, abs(count - whole) <= count * 1e-9 { return "\(Int64(whole))/\(unit.name)" }
        }
        let unit = Self.units.first { perSecond * $0.seconds >= 1 } ?? Self.units[Self.units.count - 1]
        let millionths = Int64((perSecond * unit.seconds * 1_000_000).rounded())
        var decimals = String(millionths % 1_000_000 + 1_000_000).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(millionths / 1_000_000)\(decimals.isEmpty ? "" : "." + decimals)/\(unit.name)"
    }

    /// How long `count` of them take.
    public func duration(of count: Int) -> Duration {
        // More seconds than this many overflow a duration's milliseconds.
        .seconds(min(Double(count) / perSecond, 1e15))
    }

    /// Digits with at most nine decimals; nil for anything else, such as signs and exponents.
    private static func number(_ text: Substring) -> Double? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { digits in
            (1...18).contains(digits.utf8.count) && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard isPlain, parts.count == 1 || parts[1].utf8.count <= 9 else { return nil }
        return Double(text)
    }
}
