/// The six fields of a cron expression, and the local times that they mean. Local times are seconds of a civil calendar
/// since its 1970, whatever the zone.
struct CronFields: Sendable, Hashable {
    private static let secondsOfDay: Int64 = 86_400

    let seconds: UInt64
    let minutes: UInt64
    let hours: CronField
    let daysOfMonth: CronField
    let months: UInt64
    let daysOfWeek: CronField

    /// The hour does not matter: it follows the clock through every hour, also one that comes twice.
    var isHourly: Bool { hours.isWild || hours.values == 0xFF_FFFF }

    // MARK: - Days

    /// The days of a month that are meant, bit 1 for its first.
    private func days(year: Int, month: Int) -> UInt64 {
        let count = CivilDate.daysIn(month: month, year: year)
        // The epoch was a Thursday.
        let first = Self.weekday(ofDay: CivilDate.day(year: year, month: month, day: 1))
        func weekday(_ day: Int) -> Int { (first + day - 1) % 7 }
        let all: UInt64 = (1 << (count + 1)) - 2
        var ofMonth = daysOfMonth.values
        for back in 0..<count where daysOfMonth.beforeLast & 1 << back != 0 { ofMonth |= 1 << (count - back) }
        for day in 1...count where daysOfMonth.nearWeekdays & 1 << day != 0 {
            ofMonth |= 1 << Self.nearestWeekday(day, weekday(day), count)
        }
        if daysOfMonth.lastWeekday {
            let last = weekday(count)
            ofMonth |= 1 << (last == 6 ? count - 1 : last == 0 ? count - 2 : count)
        }
        var ofWeek: UInt64 = 0
        for day in 1...count {
            let weekday = weekday(day)
            let isMeant =
                daysOfWeek.values & 1 << weekday != 0
                || daysOfWeek.numbered & 1 << (8 * weekday + (day - 1) / 7 + 1) != 0
                || daysOfWeek.lastOnes & 1 << weekday != 0 && day + 7 > count
            if isMeant { ofWeek |= 1 << day }
        }
        // As in Vixie's cron: where both restrict, either is enough.
        let restrict = !daysOfMonth.isWild && !daysOfWeek.isWild
        return (restrict ? ofMonth | ofWeek : ofMonth & ofWeek) & all
    }

    /// Of a month's day, without leaving the month.
    private static func nearestWeekday(_ day: Int, _ weekday: Int, _ count: Int) -> Int {
        switch weekday {
        case 6: day == 1 ? 3 : day - 1
        case 0: day == count ? count - 2 : day + 1
        default: day
        }
    }

    private static func weekday(ofDay day: Int) -> Int { ((day + 4) % 7 + 7) % 7 }

    /// Whether there is any day that is meant. The calendar repeats after 400 years.
    var everFires: Bool { next(from: 0, before: Int64(146_097) * Self.secondsOfDay) != nil }

    // MARK: - Times

    /// The first local time that is meant, at `start` or later and before `end`.
    func next(from start: Int64, before end: Int64) -> Int64? {
        guard start < end else { return nil }
        var (number, second) = Self.split(start)
        while Int64(number) * Self.secondsOfDay < end {
            let (year, month, day) = CivilDate.date(ofDay: number)
            let rest = months & 1 << month == 0 ? 0 : days(year: year, month: month) & (~0 << UInt64(day))
            guard rest != 0 else {
                number += CivilDate.daysIn(month: month, year: year) - day + 1
                second = 0
                continue
            }
            let ahead = rest.trailingZeroBitCount - day
            if ahead > 0 { (number, second) = (number + ahead, 0) }
            if let time = firstTime(from: second) {
                let found = Int64(number) * Self.secondsOfDay + Int64(time)
                return found < end ? found : nil
            }
            (number, second) = (number + 1, 0)
        }
        return nil
    }

    /// The last local time that is meant, at `end` or before it and not before `start`.
    func previous(upTo end: Int64, from start: Int64) -> Int64? {
        guard start <= end else { return nil }
        var (number, second) = Self.split(end)
        let lastSecond = Int(Self.secondsOfDay) - 1
        while Int64(number) * Self.secondsOfDay + Int64(lastSecond) >= start {
            let (year, month, day) = CivilDate.date(ofDay: number)
            let rest = months & 1 << month == 0 ? 0 : days(year: year, month: month) & ((2 << UInt64(day)) - 1)
            guard rest != 0 else {
                (number, second) = (number - day, lastSecond)
                continue
            }
            let back = day - (63 - rest.leadingZeroBitCount)
            if back > 0 { (number, second) = (number - back, lastSecond) }
            if let time = lastTime(upTo: second) {
                let found = Int64(number) * Self.secondsOfDay + Int64(time)
                return found >= start ? found : nil
            }
            (number, second) = (number - 1, lastSecond)
        }
        return nil
    }

    private static func split(_ time: Int64) -> (day: Int, second: Int) {
        let second = (time % secondsOfDay + secondsOfDay) % secondsOfDay
        return (Int((time - second) / secondsOfDay), Int(second))
    }

    private func firstTime(from start: Int) -> Int? {
        let (hour, minute, second) = (start / 3600, start / 60 % 60, start % 60)
        if let here = time(hour, minute, Self.lowest(seconds, from: second)) { return here }
        if let here = time(hour, Self.lowest(minutes, from: minute + 1), Self.lowest(seconds, from: 0)) { return here }
        guard let later = Self.lowest(hours.values, from: hour + 1) else { return nil }
        return later * 3600 + minutes.trailingZeroBitCount * 60 + seconds.trailingZeroBitCount
    }

    private func lastTime(upTo end: Int) -> Int? {
        let (hour, minute, second) = (end / 3600, end / 60 % 60, end % 60)
        if let here = time(hour, minute, Self.highest(seconds, upTo: second)) { return here }
        if let here = time(hour, Self.highest(minutes, upTo: minute - 1), Self.highest(seconds, upTo: 59)) {
            return here
        }
        guard let earlier = Self.highest(hours.values, upTo: hour - 1) else { return nil }
        return earlier * 3600 + (63 - minutes.leadingZeroBitCount) * 60 + 63 - seconds.leadingZeroBitCount
    }

    /// Nil unless the hour and the minute are meant, and there are a minute and a second.
    private func time(_ hour: Int, _ minute: Int?, _ second: Int?) -> Int? {
        guard let minute, let second, hours.values & 1 << hour != 0, minutes & 1 << minute != 0 else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    private static func lowest(_ values: UInt64, from start: Int) -> Int? {
        let rest = values & (~0 << UInt64(start))
        return rest == 0 ? nil : rest.trailingZeroBitCount
    }

    private static func highest(_ values: UInt64, upTo end: Int) -> Int? {
        guard end >= 0 else { return nil }
        let rest = values & ((2 << UInt64(end)) &- 1)
        return rest == 0 ? nil : 63 - rest.leadingZeroBitCount
    }
}
