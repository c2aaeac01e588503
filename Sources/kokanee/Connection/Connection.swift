internal import Kokanee
internal import RdKafka
internal import Synchronization

/// How the command reaches its brokers, from the command line, a property file and the environment.
///
/// The last word wins: `-X` over `-b`, `-b` over `-F`, `-F` over `KOKANEE_BOOTSTRAP_SERVER`.
struct Connection: Sendable {
    static let environmentVariable = "KOKANEE_BOOTSTRAP_SERVER"
    static let defaultServers = "localhost:9092"

    let configuration: ClientConfiguration
    /// Whether any of them says where the brokers are; else that is ``defaultServers``.
    let namesServers: Bool
    /// What was left out, for people; one sentence each.
    let warnings: [String]

    var bootstrapServers: String { configuration.bootstrapServers }

    /// - Throws: ``UsageError`` for an `-X` without `=`; ``Failure`` with exit code 65 for a file that can't be read or
    ///   a property that librdkafka refuses, with where it came from.
    init(values: OptionValues, environment: [String: String], logger: Logger = .disabled) throws {
        var properties = PropertySet()
        if let servers = environment[Self.environmentVariable], !servers.trimmed.isEmpty {
            try properties.set("bootstrap.servers", String(servers.trimmed), from: Self.environmentVariable)
        }
        if let path = values.string("command-config") {
            for entry in try PropertyFile(path: path).entries {
                try properties.set(entry.name, entry.value, from: "\(path): line \(entry.line)")
            }
        }
        if let servers = values.string("bootstrap-server") {
            guard !servers.trimmed.isEmpty else { throw values.error("--bootstrap-server is empty") }
            try properties.set("bootstrap.servers", servers, from: "--bootstrap-server")
        }
        for text in values.strings("property") {
            guard let property = Property(text) else { throw values.error("-X wants KEY=VALUE, not \(text)") }
            try properties.set(property.name, property.value, from: "-X \(property.name)")
        }
        let servers = properties.values["bootstrap.servers"]
        if let servers, let address = PropertySet.addressWithoutPort(in: servers) {
            let words = "\(String(address).onOneLine) has no port of 1 to 65535; HOST:PORT,… is wanted"
            if servers == values.string("bootstrap-server") { throw values.error("--bootstrap-server: \(words)") }
            throw Failure("bootstrap.servers: \(words)", code: .input)
        }
        namesServers = servers != nil
        var configuration = ClientConfiguration(
            bootstrapServers: servers ?? Self.defaultServers,
            properties: properties.values
        )
        configuration.log = Self.log(to: logger)
        self.configuration = configuration
        warnings = properties.warnings
    }

    /// librdkafka tells of every failed attempt to connect, and of every property that the one or the other kind of
    /// client has no use for. Debugging may want to see that and nobody else: what matters comes as an error of what
    /// was being done.
    static func log(
        to logger: Logger
    ) -> @Sendable (ClientConfiguration.LogSeverity, String, String) -> Void {
        { severity, facility, message in
            let isNoise = ["FAIL", "ERROR", "REQTMOUT", "CONFWARN", "AUTOCREATE"].contains(facility)
            let level: Logger.Level =
                switch severity {
                case _ where isNoise: .debug
                case .emergency, .alert, .critical, .error: .error
                case .warning: .warning
                case .notice, .info, .debug: .debug
                }
            logger.log(level, "librdkafka", ["facility": facility, "text": message])
        }
    }
}

/// Properties as they are gathered, each checked as it comes.
struct PropertySet {
    private(set) var values: [String: String] = [:]
    private(set) var warnings: [String] = []

    mutating func set(_ name: String, _ value: String, from source: String) throws {
        if let advice = JavaProperty.advice(on: name) {
            warnings.append("\(source): \(name) is a property of Kafka's Java clients and is ignored\(advice)")
            return
        }
        let property = Self.names[name] ?? name
        switch ClientConfiguration.problem(withProperty: name, value: value) {
        case nil:
            break
        case .unknownName:
            let hint = Suggestion.hint(for: name, among: ClientConfiguration.knownProperties)
            throw Failure("\(source): unknown property \(name)\(hint)", code: .input)
        case .badValue(let reason):
            // librdkafka's words repeat the value, which of a secret must not reach a log.
            let isSecret = ["password", "secret", "pem", "oauth"].contains { name.contains($0) }
            throw Failure("\(source): \(isSecret ? "\(name) has a bad value" : reason)", code: .input)
        }
        values[property] = value
    }

    /// Other names of properties, as CONFIGURATION.md of librdkafka 2.0.2 has them, by the names that are used here. Both are one
    /// property to librdkafka, and which of the two it heard last would be left to chance.
    private static let names = [
        "metadata.broker.list": "bootstrap.servers",
        "max.in.flight": "max.in.flight.requests.per.connection",
        "sasl.mechanisms": "sasl.mechanism",
        "max.partition.fetch.bytes": "fetch.message.max.bytes",
        "queue.buffering.max.ms": "linger.ms",
        "message.send.max.retries": "retries",
        "compression.codec": "compression.type",
        "request.required.acks": "acks",
        "delivery.timeout.ms": "message.timeout.ms",
    ]

    /// The first of the addresses whose port is none: librdkafka would try for ever to reach it, or another one. Without any
    /// port it is Kafka's 9092.
    static func addressWithoutPort(in servers: String) -> Substring? {
        servers.split(separator: ",").first { address in
            var host = address
            if let scheme = address.firstRange(of: "://") {
                // What follows the authority counts for nothing.
                host = address[scheme.upperBound...].prefix { $0 != "/" }
            }
            // An IPv6 address has colons of its own, and stands in brackets where a port follows.
            guard let colon = host.lastIndex(of: ":"), host.hasPrefix("[") || host.firstIndex(of: ":") == colon,
                !host[colon...].contains("]")
            else { return false }
            return !(1...65_535).contains(Int(String(host[host.index(after: colon)...].trimmed)) ?? 0)
        }
    }
}

/// Properties that files written for Java clients carry and librdkafka refuses.
enum JavaProperty {
    /// What to do instead of `name`, possibly nothing; nil where it is no such property.
    static func advice(on name: String) -> String? {
        switch name {
        case "sasl.jaas.config": "; set sasl.username and sasl.password"
        case "ssl.truststore.location", "ssl.truststore.certificates": "; set ssl.ca.location or ssl.ca.pem"
        case "ssl.truststore.password", "ssl.truststore.type", "ssl.keystore.type", "ssl.protocol",
            "ssl.enabled.protocols", "key.serializer", "value.serializer", "key.deserializer", "value.deserializer",
            "partitioner.class", "interceptor.classes", "metric.reporters", "max.poll.records", "buffer.memory",
            "default.api.timeout.ms", "max.block.ms", "fetch.max.wait.ms", "security.providers",
            "sasl.login.callback.handler.class", "sasl.client.callback.handler.class", "sasl.login.class",
            "partition.assignors", "receive.buffer.bytes", "send.buffer.bytes":
            ""
        default: nil
        }
    }
}
