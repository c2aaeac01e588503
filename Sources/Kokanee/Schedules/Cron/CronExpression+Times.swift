extension CronExpression {
    /// As far as times are told: no calendar waits longer than 40 years for a day that it has.
    private static let horizon: Int64 = 400 * 366 * 86_400

    /// The first tick later than a time; nil where there is none before the year 10000.
    ///
    /// - Parameter time: in milliseconds since the epoch, as the result is, which is a whole second.
    public func next(after time: Int64, in zone: ZoneRules) -> Int64? {
        guard time < Timestamp.latest else { return nil }
        let start = max(0, Self.floor(time, 1000) + 1)
        let tick: Int64?
        switch kind {
        case .every(let period): tick = (Self.floor(start - 1, period) + 1) * period
        case .calendar(let fields): tick = fields.next(from: start, in: zone, until: start + Self.horizon)
        }
        return tick.map { $0 * 1000 }.flatMap { $0 <= Timestamp.latest ? $0 : nil }
    }

    /// The last tick before a time; nil where there is none since 1970. See ``next(after:in:)``.
    public func previous(before time: Int64, in zone: ZoneRules) -> Int64? {
        guard time > 0 else { return nil }
        let end = Self.floor(min(time, Timestamp.latest) - 1, 1000)
        let tick: Int64?
        switch kind {
        case .every(let period): tick = Self.floor(end, period) * period
        case .calendar(let fields): tick = fields.previous(upTo: end, in: zone)
        }
        return tick.flatMap { $0 >= 0 ? $0 * 1000 : nil }
    }

    private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
        let quotient = number / divisor
        return number % divisor < 0 ? quotient - 1 : quotient
    }
}

extension CronFields {
    /// The first tick at `start` or later, in seconds since the epoch.
    fileprivate func next(from start: Int64, in zone: ZoneRules, until end: Int64) -> Int64? {
        var start = start
        while start < end {
            let stretch = zone.stretch(containing: start)
            if start == stretch.start, makesUp(for: stretch) { return start }
            let local = max(start + stretch.offset, firstLocal(of: stretch))
            if let found = next(from: local, before: stretch.end + stretch.offset) { return found - stretch.offset }
            start = stretch.end
        }
        return nil
    }

    /// The last tick at `end` or before it.
    fileprivate func previous(upTo end: Int64, in zone: ZoneRules) -> Int64? {
        var end = end
        while end >= 0 {
            let stretch = zone.stretch(containing: end)
            if let found = previous(upTo: end + stretch.offset, from: firstLocal(of: stretch)) {
                return found - stretch.offset
            }
            if makesUp(for: stretch) { return stretch.start }
            end = stretch.start - 1
        }
        return nil
    }

    /// Whether the change at a stretch's start leaves out times that are to be made up for.
    private func makesUp(for stretch: ZoneRules.Stretch) -> Bool {
        guard !isHourly, let gap = stretch.gap else { return false }
        return next(from: gap.lowerBound, before: gap.upperBound) != nil
    }

    /// The first local time of a stretch that counts.
    private func firstLocal(of stretch: ZoneRules.Stretch) -> Int64 {
        isHourly ? stretch.start + stretch.offset : stretch.firstNewLocal
    }
}
