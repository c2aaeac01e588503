/// When a schedule fires: a cron expression of five or six fields, `@daily` and its kin, or `@every 5m`.
///
///     ┌─ second 0–59 (may be left out: 0)
///     │ ┌─ minute 0–59
///     │ │ ┌─ hour 0–23
///     │ │ │ ┌─ day of the month 1–31, L, L-3, LW, 15W
///     │ │ │ │ ┌─ month 1–12 or JAN–DEC
///     │ │ │ │ │ ┌─ day of the week 0–7 (0 and 7 are Sunday) or SUN–SAT, FRI#2, FRIL
///     0 0 2 * * MON-FRI
///
/// A field is `*`, a value, a range `9-17`, a step `*/15`, `10/5` or `9-17/2`, or a list of these. Ranges go on past the
/// largest value (`FRI-MON`, `22-4`), but for days of the month. `?` is `*`, for the two fields of days.
///
/// ## Days
/// As in Vixie's cron, a day is meant if *either* field of days means it, where neither begins with `*` nor is `?`; else
/// if both do. `0 0 13 * FRI` is every 13th and every Friday.
///
/// ## Summer time
/// What has fixed hours fires once for each time of the clock: a time that a change leaves out fires at the moment of the
/// change, several of them once together; of a time that comes twice the first one counts. Where the hour does not matter
/// (it begins with `*`, or means all 24), it follows the clock through every hour: what is left out is not made up for, and
/// both of two equal hours count. `@every` counts seconds, and knows no clock.
public struct CronExpression: Sendable, Hashable, CustomStringConvertible {
    enum Kind: Sendable, Hashable {
        case calendar(CronFields)
        /// Seconds; ticks are their multiples since the epoch, so that they are the same for everybody.
        case every(Int64)
    }

    /// As it was given, without blanks around it.
    public let text: String
    let kind: Kind

    public var description: String { text }

    private static let named = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    /// - Throws: ``CronError``, which says where it goes wrong; also for what never comes, such as `0 0 30 2 *`.
    public init(_ text: String) throws(CronError) {
        self.text = Self.trimmed(text)
        var parser = CronParser(text)
        let start = text.prefix { $0 == " " || $0 == "\t" }.count
        guard self.text.first == "@" else {
            let fields = try parser.fields()
            guard fields.everFires else {
                throw parser.fault(
                    at: start,
                    "it never fires: there is no such day",
                    expected: "days that some month has"
                )
            }
            kind = .calendar(fields)
            return
        }
        let word = self.text.prefix { $0 != " " && $0 != "\t" }
        if word == "@every" {
            kind = .every(try Self.interval(self.text, parser, start))
            return
        }
        guard let meaning = Self.named[self.text.lowercased()] else {
            throw parser.fault(
                at: start,
                "\(SafeText.quoted(word)) is not known",
                expected: "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or @every 5m"
            )
        }
        var meant = CronParser(meaning)
        kind = .calendar(try meant.fields())
    }

    private static func trimmed(_ text: String) -> String {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        let left = text.drop(while: isBlank)
        return String(left.reversed().drop(while: isBlank).reversed())
    }

    private static func interval(_ text: String, _ parser: CronParser, _ start: Int) throws(CronError) -> Int64 {
        let rest = trimmed(String(text.dropFirst("@every".count)))
        let place = start + text.count - rest.count
        let expected = "a whole number of seconds, such as 30s, 5m or 1h30m"
        guard let duration = try? Duration(text: rest) else {
            let problem = rest.isEmpty ? "a duration is missing" : "\(SafeText.quoted(rest)) is not a duration"
            throw parser.fault(at: place, problem, expected: expected)
        }
        let milliseconds = duration.milliseconds
        guard milliseconds >= 1000, milliseconds.isMultiple(of: 1000), .milliseconds(milliseconds) == duration else {
            throw parser.fault(at: place, "\(rest) is not a whole number of seconds, one at least", expected: expected)
        }
        return milliseconds / 1000
    }
}
