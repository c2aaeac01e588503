internal import Foundation
internal import Kokanee

/// One run of the tool: words in, exit code out.
struct Program: Sendable {
    static let name = "kokanee"
    static let version = Worker.version

    let environment: [String: String]
    let output: TextSink
    let error: TextSink
    let interruption: Interruption

    static func processEnvironment() -> [String: String] {
        ProcessInfo.processInfo.environment
    }

    static let globals: [Option] = [
        .value(
            "bootstrap-server",
            short: "b",
            "LIST",
            "the brokers, as HOST:PORT,…",
            default: "$KOKANEE_BOOTSTRAP_SERVER, else localhost:9092"
        ),
        .value("command-config", short: "F", "FILE", "client properties, as key=value lines"),
        .value("property", short: "X", "KEY=VALUE", "one client property", isRepeatable: true),
        .value(
            "redact",
            "FIELD",
            "a payload's field, as email or card.number, not to be shown",
            isRepeatable: true,
            default: "$KOKANEE_REDACT, names with commas between them"
        ),
        .flag("json", "one JSON object a line, for programs"),
        .flag("quiet", short: "q", "errors only on stderr"),
        .flag("verbose", short: "v", "all there is to say on stderr"),
        .flag("help", short: "h", "this page"),
        .flag("version", "the version"),
    ]

    static let root = Command(
        name: name,
        summary: "Kokanee runs background jobs on Kafka.",
        discussion: "Durations are 500ms, 30s, 5m, 1h, 2d or ISO 8601; times are RFC 3339, or -2h for two hours ago.",
        examples: [
            .init("kokanee broker --queue orders --write-config dev.properties", "a broker for development"),
            .init("kokanee enqueue orders --type invoice.send --data '{\"order\":1}'", "a job on its way"),
        ],
        subcommands: commands
    )

    func run(_ words: [String]) async -> ExitCode {
        let parser = CommandLineParser(root: Self.root, globals: Self.globals)
        let outcome: CommandLineParser.Outcome
        do {
            outcome = try parser.parse(words)
        } catch {
            return report(error, console: Console(output: output, error: self.error))
        }
        let values = outcome.values
        let plain = Console(output: output, error: error, environment: environment)
        if values.isSet("help") {
            let help = HelpText(path: outcome.path, globals: Self.globals).text
            return await execute(plain) { try plain.print(String(help.dropLast())) }
        }
        if values.isSet("version") {
            return await execute(plain) { try plain.print("\(Self.name) \(Self.version)") }
        }
        let redaction: Redaction
        do {
            redaction = try values.redaction(environment)
        } catch {
            return report(error, console: plain)
        }
        let console = Console(
            output: output,
            error: error,
            redaction: redaction,
            isJSON: values.isSet("json"),
            verbosity: values.isSet("quiet") ? .quiet : values.isSet("verbose") ? .verbose : .normal,
            environment: environment
        )
        guard let run = outcome.command.run else { return .usage }
        let context = Context(
            values: values,
            console: console,
            interruption: interruption,
            environment: environment
        )
        return await execute(console, context) {
            switch outcome.command.interruption {
            case .isHandled: try await run(context)
            case .abandons: try await interruption.cutting { try await run(context) }
            }
        }
    }

    private func execute(
        _ console: Console,
        _ context: Context? = nil,
        _ body: @Sendable () async throws -> Void
    ) async -> ExitCode {
        do {
            try await body()
            return .success
        } catch {
            return report(error, console: console, bootstrapServers: context?.bootstrapServers ?? "")
        }
    }

    private func report(_ error: any Error, console: Console, bootstrapServers: String = "") -> ExitCode {
        let (code, message) = ExitCode.outcome(of: error, bootstrapServers: bootstrapServers)
        console.showProgress("")
        if let message { console.complain("\(Self.name): \(message)") }
        return code
    }
}
