/// Finds the command that the words name, and takes its flags and arguments apart.
struct CommandLineParser {
    let root: Command
    /// Flags of every command, allowed before and after its name.
    let globals: [Option]

    struct Outcome {
        /// From the root to the command that was named.
        let path: [Command]
        let values: OptionValues

        var command: Command { path[path.count - 1] }
        var commandName: String { path.map(\.name).joined(separator: " ") }
    }

    /// - Throws: ``UsageError``, which names the command whose help says more.
    func parse(_ words: [String]) throws(UsageError) -> Outcome {
        var path = [root]
        var values = OptionValues()
        var words = words
        while true {
            let command = path[path.count - 1]
            do throws(UsageError) {
                if command.subcommands.isEmpty {
                    try scan(words, of: command, into: &values)
                    break
                }
                let scan = try scan(words, of: command, into: &values)
                words = scan.rest
                guard let name = words.first else { break }
                // An argument may be spelled as a command is: behind `--` it is none.
                if command.run != nil, scan.isBehindTerminator {
                    values.positionals += words
                    break
                }
                guard let next = command.subcommand(named: name) else {
                    if command.run != nil {
                        try self.scan(words, of: command, into: &values, stopsAtPositional: false)
                        break
                    }
                    let hint = Suggestion.hint(for: name, among: command.subcommands.map(\.name))
                    throw UsageError("unknown command \(name)\(hint)")
                }
                path.append(next)
                words.removeFirst()
            } catch {
                throw located(error, path)
            }
        }
        values.commandName = path.map(\.name).joined(separator: " ")
        let outcome = Outcome(path: path, values: values)
        // Who asks for help or the version is not told off for what is missing.
        guard !values.isSet("help") else { return outcome }
        do throws(UsageError) {
            guard !values.isSet("version") else {
                try refusePayloadVersion(outcome)
                return outcome
            }
            try check(outcome)
        } catch {
            throw located(error, path)
        }
        return outcome
    }

    @discardableResult
    private func scan(
        _ words: [String],
        of command: Command,
        into values: inout OptionValues,
        stopsAtPositional: Bool? = nil
    ) throws(UsageError) -> OptionScanner.Scan {
        let options = command.options + globals
        let scan = try OptionScanner.scan(
            words,
            options: options,
            stopsAtPositional: stopsAtPositional ?? !command.subcommands.isEmpty
        )
        for token in scan.tokens {
            switch token {
            case .positional(let word):
                values.positionals.append(word)
            case .option(let long, let value):
                guard let option = options.first(where: { $0.long == long }) else { continue }
                try values.add(value, to: option)
            }
        }
        return scan
    }

    private func check(_ outcome: Outcome) throws(UsageError) {
        let command = outcome.command
        guard command.run != nil else {
            let names = command.subcommands.map(\.name).joined(separator: ", ")
            throw UsageError("\(outcome.commandName) wants a command: \(names)")
        }
        let given = outcome.values.positionals
        var left = given.count
        for argument in command.arguments {
            guard left >= argument.minimum else { throw UsageError("\(argument.name) is missing") }
            left -= min(left, argument.maximum)
        }
        guard left == 0 else { throw UsageError("unexpected argument \(given[given.count - left])") }
        for set in command.exclusive {
            let both = set.filter(outcome.values.isSet)
            guard both.count <= 1 else { throw UsageError("--\(both[0]) and --\(both[1]) exclude each other") }
        }
    }

    /// `--version 2` where a payload's is meant would print the tool's, and enqueue nothing.
    private func refusePayloadVersion(_ outcome: Outcome) throws(UsageError) {
        let command = outcome.command
        let surplus = command.arguments.reduce(outcome.values.positionals.count) { $0 - min($0, $1.maximum) }
        guard surplus > 0, command.options.contains(where: { $0.long == "payload-version" }) else { return }
        throw UsageError("--version prints the tool's own, and takes no value; the payload's is --payload-version")
    }

    private func located(_ error: UsageError, _ path: [Command]) -> UsageError {
        UsageError(error.message, command: path.map(\.name).joined(separator: " "))
    }
}
