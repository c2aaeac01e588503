/// What a report says in a few words, the same in all its forms.
extension RehearsalReport {
    package enum Tone: String, Sendable {
        case bad, good, neutral
    }

    /// Whether it is good news. A rehearsal that was stopped, or of jobs of which nobody knows how they went, proves nothing.
    package var tone: Tone {
        if hasRegressions { return .bad }
        return isComplete && completedBefore.total > 0 ? .good : .neutral
    }

    package var headline: String {
        if hasRegressions {
            return Self.count(regressions, "regression", "regressions")
        }
        guard isComplete else { return "stopped before its end; no regressions until then" }
        guard completedBefore.total > 0 else {
            return rehearsed == 0 ? "nothing was rehearsed" : "no job is known to have been completed before"
        }
        return "no regressions"
    }

    /// What the headline means.
    package var explanation: String {
        if hasRegressions {
            let what = regressions == 1 ? "job that was" : "jobs that were"
            return "\(Self.grouped(regressions)) \(what) completed before would fail now."
        }
        if completedBefore.total > 0 {
            let jobs = Self.count(completedBefore.total, "job that was", "jobs that were")
            return "None of \(jobs) completed before would fail now."
        }
        return "So there is nothing to tell a regression by."
    }

    /// How many jobs it is about.
    package var scope: String {
        let jobs = Self.count(rehearsed, "job", "jobs")
        let seen = "\(Self.count(scanned, "record", "records")) looked at"
        guard rehearsed < matched else { return "\(jobs) rehearsed; \(seen)" }
        let sampled = isComplete ? ", a sample" : ""
        return "\(jobs) of \(Self.grouped(matched)) selected rehearsed\(sampled); \(seen)"
    }

    /// Nil where no attempt was made.
    package var pace: String? {
        durations.map { durations in
            "attempts took \(Self.milliseconds(durations.median)) in the median, \(Self.milliseconds(durations.p99)) for 99 % "
                + "of them, \(Self.milliseconds(durations.longest)) at most"
        }
    }

    package static func count(_ count: Int64, _ one: String, _ many: String) -> String {
        "\(grouped(count)) \(count == 1 ? one : many)"
    }

    /// Thousands apart by no-break spaces.
    package static func grouped(_ value: Int64) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "\u{A0}" }
            text.append(digit)
        }
        return text
    }

    /// Two digits at least: `0.42 ms`, `17 ms`, `1.2 s`, `340 s`.
    package static func milliseconds(_ value: Double) -> String {
        func fixed(_ value: Double, _ unit: String) -> String {
            guard value.isFinite, value < 1e15 else { return "-" }
            if value >= 10 { return "\(Int(value.rounded())) \(unit)" }
            let scale = value >= 1 ? 10 : 100
            let scaled = Int((value * Double(scale)).rounded())
            let decimals = String(scaled % scale)
            let zeros = String(repeating: "0", count: (scale == 10 ? 1 : 2) - decimals.count)
            return "\(scaled / scale).\(zeros)\(decimals) \(unit)"
        }
        return value >= 1000 ? fixed(value / 1000, "s") : fixed(value, "ms")
    }
}

extension Rehearsal.Before {
    /// As the name of a row.
    package var title: String {
        switch self {
        case .completed: "were completed"
        case .failed: "had failed"
        case .unknown: "unknown"
        }
    }

    /// What it means that jobs which went so fail now.
    package var meaningOfFailure: String {
        switch self {
        case .completed: "regressions: they were completed before, and fail now"
        case .failed: "still failing: they had failed before"
        case .unknown: "failing, and nobody knows how they went before"
        }
    }
}
