/// The command line itself is wrong: exit code 64.
struct UsageError: Error, Equatable, CustomStringConvertible {
    let message: String
    /// The command whose help would have helped: `kokanee topics create`.
    var command: String

    init(_ message: String, command: String = Program.name) {
        self.message = message
        self.command = command
    }

    var description: String { message }
}
