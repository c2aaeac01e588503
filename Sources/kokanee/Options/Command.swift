/// A command of the tool: the one description from which parsing, help, errors and completion come.
struct Command: Sendable {
    struct Example: Sendable {
        let command: String
        let explanation: String

        init(_ command: String, _ explanation: String) {
            self.command = command
            self.explanation = explanation
        }
    }

    /// What SIGINT and SIGTERM do to a command.
    enum Interruption: Sendable {
        /// The command is abandoned, and the exit code is 130.
        case abandons
        /// The command watches ``Context/interruption`` and ends by itself.
        case isHandled
    }

    let name: String
    let summary: String
    var discussion = ""
    var examples: [Example] = []
    var arguments: [Argument] = []
    var options: [Option] = []
    /// Sets of flags of which at most one may be given.
    var exclusive: [[String]] = []
    /// A command that also runs by itself does so where its first argument is the name of none of these.
    var subcommands: [Command] = []
    var interruption = Interruption.abandons
    /// Nil for a command that only groups others.
    var run: (@Sendable (Context) async throws -> Void)?

    func subcommand(named name: String) -> Command? {
        subcommands.first { $0.name == name }
    }
}
