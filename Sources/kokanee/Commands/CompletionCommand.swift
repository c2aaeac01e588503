extension Command {
    static let completion = Command(
        name: "completion",
        summary: "Prints a completion script for a shell.",
        examples: [
            .init("eval \"$(kokanee completion bash)\"", "completion in this shell; put it in ~/.bashrc to keep it"),
            .init("kokanee completion fish | source", "the same in fish"),
        ],
        arguments: [Argument("SHELL", "bash, zsh or fish")],
        run: { context in
            let name = context.arguments[0]
            guard let shell = ShellCompletion.Shell(rawValue: name) else {
                let shells = ShellCompletion.Shell.allCases.map(\.rawValue)
                let hint = Suggestion.hint(for: name, among: shells)
                throw context.values.error("SHELL is one of \(shells.joined(separator: ", ")), not \(name)\(hint)")
            }
            let script = ShellCompletion(root: Program.root, globals: Program.globals).script(for: shell)
            try context.console.print(String(script.dropLast()))
        }
    )
}
