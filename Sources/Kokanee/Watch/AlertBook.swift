/// Remembers which alerts there are, and says what of it is news: raised, still there after ever longer pauses, over.
///
/// An alert that comes and goes is logged no more often than one that stays.
struct AlertBook {
    /// What an alert is about; one that is still about the same thing is the same alert, whatever its text.
    struct Subject: Sendable, Hashable {
        var kind: Alert.Kind
        /// A queue's index, or -1.
        var queue: Int32 = -1
        /// A partition's id, or -1.
        var partition = -1
    }

    enum News: Sendable, Equatable {
        case raised(Alert)
        /// Also one that has become worse.
        case persists(Alert, for: Duration)
        case cleared(Alert, after: Duration)
    }

    private struct Entry {
        var alert: Alert
        var raisedAt: Duration
        var isActive = true
        /// Whether people were told that it is there, and have to be told that it is over.
        var isTold: Bool
        var nextWordAt: Duration
        var pause: Duration
    }

    private static let firstPause = Duration.seconds(60)
    private static let longestPause = Duration.seconds(3600)

    private var entries: [Subject: Entry] = [:]

    /// The alerts of now, in no order.
    var active: [Alert] { entries.values.filter(\.isActive).map(\.alert) }

    private static func isBefore(_ first: (key: Subject, value: Alert), _ second: (key: Subject, value: Alert)) -> Bool
    {
        (first.value.since, first.key.queue, first.key.partition)
            < (second.value.since, second.key.queue, second.key.partition)
    }

    /// Takes note of what is wrong at `time`, which never goes back.
    ///
    /// - Returns: what to tell people, and which subjects were raised, told or not.
    mutating func update(_ alerts: [Subject: Alert], time: Duration) -> (news: [News], raised: [Subject]) {
        var news: [News] = []
        var raised: [Subject] = []
        for (subject, alert) in alerts.sorted(by: Self.isBefore) {
            guard var entry = entries[subject] else {
                raised.append(subject)
                news.append(.raised(alert))
                entries[subject] = Entry(
                    alert: alert,
                    raisedAt: time,
                    isTold: true,
                    nextWordAt: time + Self.firstPause,
                    pause: Self.firstPause
                )
                continue
            }
            let isWorse = entry.isActive && alert.level > entry.alert.level
            if !entry.isActive {
                raised.append(subject)
                entry.raisedAt = time
                entry.isTold = false
            }
            entry.isActive = true
            entry.alert = alert
            if isWorse || time >= entry.nextWordAt {
                entry.pause = min(entry.pause * 2, Self.longestPause)
                entry.nextWordAt = time + entry.pause
                news.append(entry.isTold ? .persists(alert, for: time - entry.raisedAt) : .raised(alert))
                entry.isTold = true
            }
            entries[subject] = entry
        }
        for (subject, entry) in entries where alerts[subject] == nil {
            if entry.isActive {
                if entry.isTold { news.append(.cleared(entry.alert, after: time - entry.raisedAt)) }
                entries[subject]?.isActive = false
            } else if time >= entry.nextWordAt + entry.pause {
                // It stayed away for as long as would have passed before the next word: next time it is a new one.
                entries[subject] = nil
            }
        }
        return (news, raised)
    }
}
