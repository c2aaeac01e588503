extension Duration {
    /// The longest duration that ``init(text:)`` reads: 36,500 days. Milliseconds of it never overflow in sums.
    public static let longestText: Duration = .seconds(36_500 * 86_400)

    /// Reads `500ms`, `30s`, `5m`, `1h`, `2d`, a combination such as `1h30m`, or ISO 8601 such as `PT5M` or `P1DT2H`.
    ///
    /// The last number may have up to nine decimals (`1.5h`). ISO 8601's years and months have no fixed length and
    /// are refused, as are signs, spaces and numbers without a unit.
    ///
    /// - Throws: ``InputError``, which says what is accepted.
    public init(text: String) throws {
        var parser = DurationParser(text)
        let nanoseconds = try parser.parse()
        guard nanoseconds <= 36_500 * 86_400 * 1_000_000_000 else {
            throw parser.error("it is longer than 36500d")
        }
        self = .seconds(Int64(nanoseconds / 1_000_000_000)) + .nanoseconds(Int64(nanoseconds % 1_000_000_000))
    }

    /// The duration as a whole number of the largest unit that divides it: `90s`, `1m`, `2d`, `0s`.
    ///
    /// ``init(text:)`` reads it back. Parts of a millisecond become decimals (`1.5ms`), below a nanosecond they are
    /// dropped. Negative durations, which can't be read back, have a minus sign.
    public var text: String {
        let (seconds, attoseconds) = components
        let total = Int128(seconds) * 1_000_000_000 + Int128(attoseconds / 1_000_000_000)
        let sign = total < 0 ? "-" : ""
        let nanoseconds = total.magnitude
        guard nanoseconds > 0 else { return "0s" }
        for unit in DurationParser.shortUnits where nanoseconds.isMultiple(of: UInt128(unit.nanoseconds)) {
            return "\(sign)\(nanoseconds / UInt128(unit.nanoseconds))\(unit.name)"
        }
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        var decimals = String(rest + 1_000_000).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(sign)\(whole).\(decimals)ms"
    }

    /// Whole milliseconds, rounded towards zero, clamped to what an `Int64` holds.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, overflowToo) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return overflow || overflowToo ? (seconds < 0 ? .min : .max) : sum
    }
}

/// One reading of a duration's text; numbers are 128 bits wide, so that nothing below can overflow.
private struct DurationParser {
    struct Unit {
        let name: String
        let nanoseconds: Int128
    }

    static let shortUnits = [
        Unit(name: "d", nanoseconds: 86_400_000_000_000),
        Unit(name: "h", nanoseconds: 3_600_000_000_000),
        Unit(name: "m", nanoseconds: 60_000_000_000),
        Unit(name: "s", nanoseconds: 1_000_000_000),
        Unit(name: "ms", nanoseconds: 1_000_000),
    ]
    private static let dateUnits = [
        Unit(name: "W", nanoseconds: 7 * 86_400_000_000_000), Unit(name: "D", nanoseconds: 86_400_000_000_000),
    ]
    private static let timeUnits = [
        Unit(name: "H", nanoseconds: 3_600_000_000_000), Unit(name: "M", nanoseconds: 60_000_000_000),
        Unit(name: "S", nanoseconds: 1_000_000_000),
    ]

    private let text: String
    private var rest: Substring.UTF8View
    private var sawFraction = false

    init(_ text: String) {
        self.text = text
        rest = text[...].utf8
    }

    func error(_ reason: String) -> InputError {
        InputError(
            "\(SafeText.quoted(text)) is not a duration: \(reason). "
                + "Accepted are 500ms, 30s, 5m, 1h, 2d, combinations such as 1h30m, and ISO 8601 such as PT5M"
        )
    }

    mutating func parse() throws -> Int128 {
        guard let first = rest.first else { throw error("it is empty") }
        guard first != UInt8(ascii: "-") else { throw error("it is negative") }
        guard first == UInt8(ascii: "P") else { return try sum(of: Self.shortUnits) }
        rest.removeFirst()
        let hasDate = rest.first != UInt8(ascii: "T")
        let date = hasDate ? try sum(of: Self.dateUnits) : 0
        guard rest.first == UInt8(ascii: "T") else { return date }
        guard !sawFraction else { throw error("only the last number may have decimals") }
        rest.removeFirst()
        let time = try sum(of: Self.timeUnits)
        guard rest.isEmpty else { throw error("it has a second T") }
        return date + time
    }

    /// Numbers with units in falling order, at least one, up to the end or to ISO 8601's `T`.
    private mutating func sum(of units: [Unit]) throws -> Int128 {
        var units = units[...]
        var sum: Int128 = 0
        repeat {
            guard !sawFraction else { throw error("only the last number may have decimals") }
            let (whole, fraction, scale) = try number()
            let name = try unitName()
            guard let place = units.firstIndex(where: { $0.name == name }) else {
                throw error("\(SafeText.quoted(name)) is no unit that fits there")
            }
            sum += whole * units[place].nanoseconds + fraction * units[place].nanoseconds / scale
            units = units[(place + 1)...]
        } while !rest.isEmpty && rest.first != UInt8(ascii: "T")
        return sum
    }

    /// A decimal number as `whole + fraction / scale`; as one quotient its parts could overflow once multiplied.
    private mutating func number() throws -> (whole: Int128, fraction: Int128, scale: Int128) {
        let whole = digits()
        guard (1...18).contains(whole.count) else {
            throw error(whole.count == 0 ? "a number is missing" : "a number is too large")
        }
        guard rest.first == UInt8(ascii: ".") else { return (whole.value, 0, 1) }
        rest.removeFirst()
        sawFraction = true
        let fraction = digits()
        guard (1...9).contains(fraction.count) else { throw error("decimals are one to nine digits") }
        var scale: Int128 = 1
        for _ in 0..<fraction.count { scale *= 10 }
        return (whole.value, fraction.value, scale)
    }

    private mutating func digits() -> (value: Int128, count: Int) {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest[digits.endIndex...]
        let value = digits.prefix(20).reduce(into: Int128(0)) { $0 = $0 * 10 + Int128($1 - UInt8(ascii: "0")) }
        return (value, digits.count)
    }

    /// All letters up to the next number; in ISO 8601, where all units are one capital, that one.
    private mutating func unitName() throws -> Substring {
        guard let first = rest.first else { throw error("a unit is missing") }
        let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first)
        let name = isCapital ? rest.prefix(1) : rest.prefix { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest[name.endIndex...]
        return Substring(name)
    }
}
