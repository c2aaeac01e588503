internal import CRdKafka

/// How a client reaches its brokers: librdkafka's properties by name, and where its log lines go.
public struct ClientConfiguration: Sendable {
    /// librdkafka's properties (`security.protocol`, `sasl.mechanism`, …). They win over what the wrapper sets,
    /// but for those without which its promises would not hold; see ``Producer`` and ``Consumer``.
    /// `statistics.interval.ms` is always 0: nobody takes what it would tell.
    public var properties: [String: String]
    /// Receives librdkafka's log lines, on librdkafka's threads. The default drops them.
    public var log: @Sendable (_ severity: LogSeverity, _ facility: String, _ message: String) -> Void

    /// syslog's severities, as librdkafka uses them.
    public enum LogSeverity: Int32, Sendable, Comparable {
        case emergency, alert, critical, error, warning, notice, info, debug

        public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    public init(bootstrapServers: String, properties: [String: String] = [:]) {
        self.properties = properties
        self.properties["bootstrap.servers"] = bootstrapServers
        self.log = { _, _, _ in }
    }

    /// `HOST:PORT` of one or more brokers, separated by commas.
    public var bootstrapServers: String {
        get { properties["bootstrap.servers"] ?? "" }
        set { properties["bootstrap.servers"] = newValue }
    }

    /// A copy with `defaults` where nothing is set, and with `required` whatever is set.
    func with(defaults: [String: String] = [:], required: [String: String] = [:]) -> ClientConfiguration {
        var copy = self
        copy.properties.merge(defaults) { set, _ in set }
        copy.properties.merge(required) { _, forced in forced }
        return copy
    }
}
