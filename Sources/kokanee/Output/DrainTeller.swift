internal import Kokanee

/// Says on a terminal what a drain waits for: when that changes, and now and then where it does not.
struct DrainTeller {
    /// Numbers that fall are told no more often than this.
    private static let pace = Duration.seconds(5)
    private static let reminder = Duration.seconds(60)

    /// What a drain waits for, whatever the numbers.
    private struct Kinds: Equatable {
        var unheard: Set<String>
        var causes: Set<String>

        init(_ progress: DrainProgress) {
            unheard = Set(progress.unheard)
            causes = Set(progress.waits.map { "\($0.reason) \($0.subject ?? "")" })
            if progress.circuit != .closed { causes.insert("circuit") }
        }
    }

    let queue: String
    private var kinds: Kinds?
    private var line = ""
    private var advice: [String] = []
    private var toldAt = Duration.zero

    init(queue: String) {
        self.queue = queue
    }

    /// What to say now.
    ///
    /// - Parameter time: since the beginning.
    mutating func lines(_ progress: DrainProgress, time: Duration) -> [String] {
        let (kinds, line) = (Kinds(progress), FleetReport.line(progress))
        let isReminder = time - toldAt >= Self.reminder
        guard kinds != self.kinds || isReminder || line != self.line && time - toldAt >= Self.pace else { return [] }
        let advice = FleetReport.advice(progress, queue: queue)
        defer { (self.kinds, self.line, self.advice, toldAt) = (kinds, line, advice, time) }
        return ["waiting: \(line)"] + (advice != self.advice || isReminder ? advice : [])
    }
}
