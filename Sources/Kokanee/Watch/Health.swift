/// How a worker is, and why.
public struct Health: Sendable, Hashable {
    /// How bad it is. There may be more levels in time: compare, don't list.
    public struct Level: Sendable, Hashable, Comparable, CustomStringConvertible {
        private let rank: Int
        /// For programs.
        public let name: String

        /// All is well.
        public static let ok = Level(rank: 0, name: "ok")
        /// Work goes on, or waits for something outside; people should look.
        public static let degraded = Level(rank: 1, name: "degraded")
        /// The worker is of no use as it is, and does not mend itself: its process should end.
        public static let failing = Level(rank: 2, name: "failing")

        init?(name: String) {
            guard let level = [Level.ok, .degraded, .failing].first(where: { $0.name == name }) else { return nil }
            self = level
        }

        private init(rank: Int, name: String) {
            self.rank = rank
            self.name = name
        }

        public static func < (lhs: Level, rhs: Level) -> Bool { lhs.rank < rhs.rank }
        public var description: String { name }
    }

    /// The worst of the alerts'.
    public let level: Level
    /// What is wrong, the worst first.
    public let alerts: [Alert]

    /// Nothing is wrong.
    public static let ok = Health(alerts: [])

    public init(alerts: [Alert]) {
        self.alerts = alerts.sorted { ($1.level, $0.since) < ($0.level, $1.since) }
        level = alerts.map(\.level).max() ?? .ok
    }
}
