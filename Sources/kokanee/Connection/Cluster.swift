internal import Kokanee
internal import RdKafka

/// A cluster that a command works on.
struct Cluster: Sendable {
    let connection: Connection
    let admin: AdminClient

    var topics: TopicAdministrator { TopicAdministrator(admin) }
    var configuration: ClientConfiguration { connection.configuration }

    /// - Throws: ``Failure`` with exit code 65 where properties don't go together.
    init(connection: Connection) throws {
        self.connection = connection
        admin = try Self.client(connection.configuration)
    }

    private static func client(_ configuration: ClientConfiguration) throws -> AdminClient {
        do throws(KafkaError) {
            return try AdminClient(configuration)
        } catch {
            guard error.code == .localInvalidArgument else { throw error }
            throw Failure("the client's properties (-F, -X) don't go together: \(error.message)", code: .input)
        }
    }

    /// The queue with the ladder that its rungs make, where there are any and `--ladder` asks for no other.
    ///
    /// - Throws: ``KafkaError``.
    func queue(_ asked: Queue, _ values: OptionValues) async throws -> Queue {
        guard !values.isSet("ladder"), let ladder = try await topics.ladder(of: asked) else { return asked }
        return try values.queue(asked.name, ladder: ladder, defaultType: asked.defaultType, group: asked.group)
    }

    /// What there is of a queue's topics.
    ///
    /// - Parameter needed: the topics without which there is no such queue.
    /// - Throws: ``Failure`` that says how to create it.
    @discardableResult
    func require(_ queue: Queue, _ needed: [String]) async throws -> TopicInspection {
        let inspection = try await topics.inspect(queue, includingSettings: false)
        guard !inspection.missing.contains(where: { needed.contains($0.name) }) else {
            throw Failure(TopicError.noQueue(queue).message)
        }
        return inspection
    }

    /// Returns once a broker answers.
    ///
    /// - Throws: ``Failure`` with exit code 69 that names the address and what to look at, after `timeout` at most.
    func requireBroker(timeout: Duration = .seconds(6)) async throws {
        do {
            try await admin.reachable(timeout: timeout)
        } catch {
            throw Failure(ExitCode.noBroker(connection.bootstrapServers, error), code: .unavailable)
        }
    }
}
