internal import Kokanee
internal import RdKafka

/// What a command runs with.
struct Context: Sendable {
    let values: OptionValues
    let console: Console
    let interruption: Interruption
    let environment: [String: String]

    var arguments: [String] { values.positionals }

    /// For the message of an error; empty where the settings themselves are wrong.
    var bootstrapServers: String {
        (try? Connection(values: values, environment: environment))?.bootstrapServers ?? ""
    }

    /// The connection that flags, file and environment describe; it tells of what it ignores.
    ///
    /// - Throws: ``UsageError`` or ``Failure`` where one of them is wrong.
    func connection() throws -> Connection {
        let connection = try Connection(values: values, environment: environment, logger: console.logger())
        for warning in connection.warnings { console.say("\(Program.name): \(warning)") }
        return connection
    }

    /// The same, once a broker has answered.
    ///
    /// - Throws: ``Failure`` with exit code 69 where none does.
    func connect() async throws -> Cluster {
        let cluster = try Cluster(connection: connection())
        try await cluster.requireBroker()
        return cluster
    }

    /// What `body` returns, or, without waiting for it, `CancellationError` where an interruption comes first.
    ///
    /// For the parts of a command that handles interruptions itself in which there is nothing to bring to an end.
    func untilInterrupted<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
        try await interruption.cutting(body)
    }
}
