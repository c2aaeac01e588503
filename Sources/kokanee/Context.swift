internal import Glibc
internal import Kokanee
internal import RdKafka
internal import Synchronization

/// What a command runs with.
struct Context: Sendable {
    let values: OptionValues
    let console: Console
    let interruption: Interruption
    let environment: [String: String]

    var arguments: [String] { values.positionals }

    /// Who gives the command, for the record: `--by`, else `USER@HOST`, as far as they are known.
    ///
    /// - Throws: ``UsageError`` for a name that is empty or too long.
    var operatorName: String {
        get throws(UsageError) {
            if let name = try values.recordText("by") { return name }
            let user = environment["USER"] ?? environment["LOGNAME"] ?? "uid \(getuid())"
            var host = [CChar](repeating: 0, count: 256)
            guard gethostname(&host, host.count - 1) == 0 else { return user }
            return "\(user)@\(String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))"
        }
    }

    /// What stands in records as the reason: `--reason`, else the command with these of its flags.
    ///
    /// - Throws: ``UsageError`` for a text that is empty or too long.
    func reason(_ flags: [Option] = []) throws(UsageError) -> String {
        if let text = try values.recordText("reason") { return text }
        let words = flags.filter { values.isSet($0.long) }.flatMap { flag in
            flag.valueName == nil ? ["--\(flag.long)"] : values.strings(flag.long).flatMap { ["--\(flag.long)", $0] }
        }
        return ([values.commandName] + words).joined(separator: " ").onOneLine
    }

    /// For the message of an error; empty before ``connection()``.
    var bootstrapServers: String { known.connection.withLock { $0?.bootstrapServers } ?? "" }

    /// A property file may be a pipe, which can be read once.
    private let known = Known()

    private final class Known: Sendable {
        let connection = Mutex<Connection?>(nil)
    }

    /// The connection that flags, file and environment describe; it tells of what it ignores.
    ///
    /// - Throws: ``UsageError`` or ``Failure`` where one of them is wrong.
    func connection() throws -> Connection {
        if let connection = known.connection.withLock({ $0 }) { return connection }
        let connection = try Connection(values: values, environment: environment, logger: console.logger())
        known.connection.withLock { $0 = connection }
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

    /// As ``connect()``, where there has to be the queue.
    ///
    /// - Throws: ``Failure`` where there is none.
    func connect(to queue: Queue) async throws -> Cluster {
        let cluster = try await connect()
        try await cluster.require(queue, [queue.mainTopic])
        return cluster
    }

    /// What a job that could not be delivered in time comes of: no broker, where none answers any more, or the error itself.
    func cause(of error: any Error) async -> any Error {
        guard (error as? KafkaError)?.code == .localMessageTimedOut,
            let cluster = try? Cluster(connection: connection())
        else { return error }
        do {
            try await cluster.requireBroker()
            return error
        } catch let noBroker {
            return noBroker
        }
    }

    /// What `body` returns, or, without waiting for it, `CancellationError` where an interruption comes first.
    ///
    /// For the parts of a command that handles interruptions itself in which there is nothing to bring to an end.
    func untilInterrupted<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
        try await interruption.cutting(body)
    }

    /// What `body` opens, as ``untilInterrupted(_:)``: to open a pipe is to wait for its other end.
    func opening<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await untilInterrupted { try await OSThread.run(name: "open file", body) }
    }

    /// What `body` returns; an interruption cancels it, and its end is waited for: a transaction left open would hold up
    /// the queue's workers, and offsets that have moved belong on record.
    func endingBetweenSteps<R: Sendable>(
        _ body: @escaping @Sendable () async throws -> R,
        onInterruption: @escaping @Sendable () -> Void = {}
    ) async -> Result<R, any Error> {
        let work = Task { try await body() }
        let watch = Task {
            await interruption.wait()
            // First: whoever is woken is to find that it was cancelled.
            work.cancel()
            onInterruption()
        }
        let result = await work.result
        watch.cancel()
        return result
    }
}
