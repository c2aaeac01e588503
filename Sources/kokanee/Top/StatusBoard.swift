internal import Kokanee

/// What `top` has seen: the last good look at each queue, what has failed since, and the lines that tell so.
struct StatusBoard: Sendable {
    /// A look at a queue, and what `status` prints of it.
    struct Look: Sendable {
        let status: QueueStatus
        let text: String
    }

    struct Seen: Sendable {
        let queue: String
        let result: Result<Look, Failure>
    }

    private struct Trouble {
        let message: String
        let since: Int64
    }

    private struct Entry {
        let queue: String
        var look: Look?
        var rates: QueueRates?
        var trouble: Trouble?
    }

    /// Words beside the status that are shown; the last ones.
    private static let mostWords = 5

    private let servers: String
    private let interval: String
    private let ending: String
    private var entries: [Entry] = []
    /// Of the last look as a whole.
    private var trouble: Trouble?
    private var words: [String] = []
    /// When the last good look was, in milliseconds since the epoch.
    private var lookedAt: Int64?

    /// - Parameters:
    ///   - servers: the brokers, with commas between them.
    ///   - interval: between two looks.
    ///   - ending: how it ends.
    init(servers: String, interval: String, ending: String) {
        self.servers = servers
        self.interval = interval
        self.ending = ending
    }

    /// Takes in a look; queues that are not in it are not shown any more. Where it failed for every queue that is as
    /// ``fail(_:at:words:)``, once there has been a good one.
    ///
    /// - Parameters:
    ///   - time: of the look, in milliseconds since the epoch.
    ///   - words: what else there was to say.
    mutating func take(_ seen: [Seen], at time: Int64, words: [String] = []) {
        let failures = seen.compactMap { seen -> Failure? in
            if case .failure(let failure) = seen.result { failure } else { nil }
        }
        if let first = failures.first, failures.count == seen.count, entries.contains(where: { $0.look != nil }) {
            return fail(first.message, at: time, words: words)
        }
        self.words = words
        trouble = nil
        lookedAt = time
        let known = Dictionary(entries.map { ($0.queue, $0) }, uniquingKeysWith: { first, _ in first })
        entries = seen.map { seen in
            var entry = known[seen.queue] ?? Entry(queue: seen.queue)
            switch seen.result {
            case .success(let look):
                entry.rates = entry.look.flatMap { QueueRates(from: $0.status, to: look.status) }
                entry.look = look
                entry.trouble = nil
            case .failure(let failure):
                entry.trouble = Trouble(message: failure.message, since: entry.trouble?.since ?? time)
            }
            return entry
        }
    }

    /// Keeps what was seen before, and tells since when it could not be looked again.
    mutating func fail(_ message: String, at time: Int64, words: [String] = []) {
        self.words = words
        trouble = Trouble(message: message, since: trouble?.since ?? time)
    }

    // MARK: - For people

    var lines: [Frame.Line] {
        var lines = [Frame.Line(heading, .heading)]
        if let trouble {
            let since = Self.time(trouble.since)
            lines.append(.init("! can't look since \(since), and goes on trying: \(trouble.message)", .trouble))
        }
        lines += words.suffix(Self.mostWords).map { Frame.Line("! \($0)", .trouble) }
        if entries.isEmpty {
            lines += ["", "there are no queues; create one with: kokanee topics create QUEUE"]
        }
        for entry in entries {
            lines.append("")
            lines += Self.lines(entry)
        }
        return lines
    }

    private var heading: String {
        let addresses = servers.split(separator: ",")
        // The rest of the line is to be seen, too.
        let brokers = addresses.count > 2 ? "\(addresses[0]) and \(addresses.count - 1) more" : servers
        let time = lookedAt.map(Self.time) ?? "-"
        return "\(Program.name) top  \(brokers)  \(time)  every \(interval)  \(ending)"
    }

    private static func lines(_ entry: Entry) -> [Frame.Line] {
        let text = entry.look?.text ?? entry.queue
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Frame.Line(String($0)) }
        lines[0].style = .heading
        var beside: [Frame.Line] = []
        if let trouble = entry.trouble {
            let then = entry.look.map { "; this is how it stood at \(time($0.status.takenAt))" } ?? ""
            let message = "  ! can't be read since \(time(trouble.since)): \(trouble.message)\(then)"
            beside.append(.init(message, .trouble))
        } else {
            let (finished, arrived) = (QueueRates.text(entry.rates?.finished), QueueRates.text(entry.rates?.arrived))
            beside.append(.init("  finished  \(finished)  arrived \(arrived)"))
        }
        lines.insert(contentsOf: beside, at: 1)
        return lines
    }

    /// To the second: a look takes longer than a millisecond.
    private static func time(_ milliseconds: Int64) -> String {
        "\(Timestamp.text(milliseconds).prefix(19))Z"
    }
}
