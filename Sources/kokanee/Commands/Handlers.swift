internal import Foundation
internal import Kokanee

/// What executes the jobs: a pool of processes, or a process for each.
struct Handlers {
    let handler: any JobHandler
    private let closing: @Sendable () async -> Void

    /// - Parameter configuration: of the worker, which a pool of processes sets for itself.
    init(
        _ values: OptionValues,
        _ configuration: inout WorkerConfiguration,
        writeAhead: Int,
        logger: Logger
    ) async throws {
        let count = configuration.concurrency
        // A variable that is not set would have every job done by nothing.
        for option in ["handler", "exec"] where values.string(option)?.allSatisfy(\.isWhitespace) == true {
            throw values.error("--\(option) is empty")
        }
        if let command = values.string("handler") {
            var settings = ProcessPool.Configuration()
            settings.writeAhead = writeAhead
            settings.timeout = configuration.attemptTimeout
            let pool = try ProcessPool(command: command, count: count, configuration: settings, logger: logger)
            do {
                try await pool.start()
            } catch {
                await pool.close(within: .seconds(1))
                throw error
            }
            pool.prepare(&configuration)
            handler = pool
            closing = { await pool.close(within: .seconds(5)) }
        } else {
            let command = try values.requiredString("exec")
            if let problem = CommandHandler.problem(of: command) {
                throw Failure("the command \(command.debugDescription.onOneLine) can't be run: \(problem)")
            }
            let commands = try CommandHandler(command: command, count: count, logger: logger)
            handler = commands
            closing = { await commands.close(within: .seconds(5)) }
        }
    }

    func close() async {
        await closing()
    }
}
