/// The fields of a cron expression, in their order.
enum CronUnit: CaseIterable, Sendable {
    case second
    case minute
    case hour
    case dayOfMonth
    case month
    case dayOfWeek

    static let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
    static let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]

    var range: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        // 0 and 7 are Sunday, as in every cron; Quartz counts from 1.
        case .dayOfWeek: 0...7
        }
    }

    /// How many different values there are.
    var count: Int { self == .dayOfWeek ? 7 : range.count }

    /// Whether `22-4` goes on past the largest value. Months differ in length, so that days of them don't.
    var isCyclic: Bool { self != .dayOfMonth }

    var names: [String] {
        switch self {
        case .month: Self.months
        case .dayOfWeek: Self.weekdays
        default: []
        }
    }

    var label: String {
        switch self {
        case .second: "the seconds"
        case .minute: "the minutes"
        case .hour: "the hours"
        case .dayOfMonth: "the days of the month"
        case .month: "the months"
        case .dayOfWeek: "the days of the week"
        }
    }

    /// What the field takes, in words.
    var expected: String {
        switch self {
        case .second: "a second from 0 to 59, a range, a list, or *"
        case .minute: "a minute from 0 to 59, a range, a list, or *"
        case .hour: "an hour from 0 to 23, a range, a list, or *"
        case .dayOfMonth: "a day from 1 to 31, a range, a list, *, ?, L, L-3, LW or 15W"
        case .month: "a month from 1 to 12 or JAN to DEC, a range, a list, or *"
        case .dayOfWeek: "a day from 0 to 7 (0 and 7 are Sunday) or SUN to SAT, a range, a list, *, ?, FRI#2 or FRIL"
        }
    }
}

/// What one field of a cron expression says.
struct CronField: Sendable, Hashable {
    /// Its plain values, a bit each; Sunday is 0.
    var values: UInt64 = 0
    /// It begins with `*`, or is `?`.
    var isWild = false
    /// Days before a month's last one, a bit each: `L` is 0, `L-3` is 3.
    var beforeLast: UInt64 = 0
    /// Days of which the nearest weekday is meant, a bit each: `15W`.
    var nearWeekdays: UInt64 = 0
    /// `LW`.
    var lastWeekday = false
    /// `FRI#2`: bit 8 × weekday + number.
    var numbered: UInt64 = 0
    /// `FRIL`, a bit a weekday.
    var lastOnes: UInt64 = 0
}
