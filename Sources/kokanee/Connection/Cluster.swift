internal import Kokanee
internal import RdKafka

/// A cluster that a command works on.
struct Cluster: Sendable {
    let connection: Connection
    let admin: AdminClient

    var topics: TopicAdministrator { TopicAdministrator(admin) }
    var configuration: ClientConfiguration { connection.configuration }

    init(connection: Connection) throws {
        self.connection = connection
        admin = try AdminClient(connection.configuration)
    }

    /// Returns once a broker answers.
    ///
    /// - Throws: ``Failure`` with exit code 69 that names the address, after `timeout` at most.
    func requireBroker(timeout: Duration = .seconds(6)) async throws {
        do {
            try await admin.reachable(timeout: timeout)
        } catch {
            throw Failure(ExitCode.noBroker(connection.bootstrapServers, error), code: .unavailable)
        }
    }
}
