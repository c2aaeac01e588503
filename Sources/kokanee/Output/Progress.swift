internal import Kokanee
internal import Synchronization

/// How far a long command is: a bar on a terminal; elsewhere nothing, or with `-v` a line every ten seconds.
final class Progress: Sendable {
    private struct State {
        var count = 0
        var lastShown: ContinuousClock.Instant?
    }

    private let console: Console
    private let noun: String
    private let start: ContinuousClock.Instant
    private let state = Mutex(State())

    /// - Parameter noun: what is counted, in the plural: `jobs`.
    init(_ noun: String, console: Console, start: ContinuousClock.Instant = .now) {
        self.noun = noun
        self.console = console
        self.start = start
    }

    /// - Parameters:
    ///   - count: things done so far.
    ///   - fraction: how much of the whole that is, from 0 to 1; nil where the whole is not known.
    func update(count: Int, fraction: Double?, now: ContinuousClock.Instant = .now) {
        let interval: Duration = console.isErrorTerminal ? .milliseconds(100) : .seconds(10)
        guard console.isErrorTerminal || console.verbosity == .verbose else { return }
        let isDue = state.withLock { state in
            state.count = count
            guard now - (state.lastShown ?? start) >= interval else { return false }
            state.lastShown = now
            return true
        }
        guard isDue else { return }
        let line = ProgressLine(count: count, noun: noun, fraction: fraction, elapsed: now - start)
        if console.isErrorTerminal {
            console.showProgress(line.bar)
        } else {
            console.say(line.plain)
        }
    }

    /// Takes the bar away.
    func finish() {
        console.showProgress("")
    }
}

/// One state of a progress display, as text.
struct ProgressLine {
    let count: Int
    let noun: String
    let fraction: Double?
    let elapsed: Duration

    var bar: String {
        guard let fraction = fraction.map({ min(1, max(0, $0)) }) else { return plain }
        let width = 28
        let full = Int(Double(width) * fraction)
        let cells = String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
        return "\(cells) \(Int(fraction * 100)) %  \(plain)"
    }

    var plain: String {
        [Self.grouped(count) + " \(noun)", rate, remaining].compactMap(\.self).joined(separator: "  ")
    }

    private var seconds: Double { elapsed / .seconds(1) }

    private var rate: String? {
        guard seconds > 0 else { return nil }
        return "\(Self.grouped(Int(Double(count) / seconds)))/s"
    }

    /// From the share of the whole, since the whole's count is seldom known.
    private var remaining: String? {
        guard let fraction, fraction > 0.001, fraction < 1, seconds >= 1 else { return nil }
        let left = Int(min(seconds * (1 - fraction) / fraction, 359_999))
        let clock = [left / 3600, left / 60 % 60, left % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return "ETA \(clock.joined(separator: ":"))"
    }

    /// Thousands apart, by a thin space's plain cousin: `1 234 567`.
    static func grouped(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += " " }
            text.append(digit)
        }
        return text
    }
}
