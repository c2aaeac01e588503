/// Where Kokanee's log lines go: a minimum level and a closure, so that any logging package fits behind it.
///
/// A line has a constant message and its variable parts as key-value pairs, in a fixed order.
public struct Logger: Sendable {
    public enum Level: Int, Sendable, Comparable, CaseIterable {
        case debug, info, notice, warning, error

        public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    public struct Entry: Sendable {
        public let level: Level
        public let message: String
        public let fields: KeyValuePairs<String, String>
    }

    public let minimumLevel: Level
    private let write: @Sendable (Entry) -> Void

    /// - Parameter write: called on any thread, also on those that poll Kafka: it must not block for long.
    public init(minimumLevel: Level = .info, write: @escaping @Sendable (Entry) -> Void) {
        self.minimumLevel = minimumLevel
        self.write = write
    }

    /// Drops every line.
    public static let disabled = Logger(minimumLevel: .error) { _ in }

    public func log(
        _ level: Level,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:]
    ) {
        guard level >= minimumLevel else { return }
        write(Entry(level: level, message: message(), fields: fields()))
    }
}
