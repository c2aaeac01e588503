/// The page that `--help` shows.
struct HelpText {
    let path: [Command]
    let globals: [Option]
    var width = 100

    private var command: Command { path[path.count - 1] }
    private var name: String { path.map(\.name).joined(separator: " ") }

    var text: String {
        var sections = ["\(command.summary)", "Usage: \(usage)"]
        if !command.discussion.isEmpty { sections.append(wrapped(command.discussion, indent: 0)) }
        sections.append(list("Commands", command.subcommands.map { ($0.name, $0.summary) }))
        sections.append(list("Arguments", command.arguments.map { ($0.name, $0.help) }))
        sections.append(list("Flags", command.options.filter { !$0.isHidden }.map(entry)))
        sections.append(list("Flags of every command", globals.filter { !$0.isHidden }.map(entry)))
        sections.append(examples)
        if !command.subcommands.isEmpty {
            sections.append("`\(name) COMMAND --help` says more about a command.")
        }
        return sections.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    var usage: String {
        guard command.subcommands.isEmpty || command.run != nil else { return "\(name) COMMAND [FLAG]…" }
        let flags = command.options.contains { !$0.isHidden } ? ["[FLAG]…"] : []
        let own = ([name] + command.arguments.map(\.usage) + flags).joined(separator: " ")
        return command.subcommands.isEmpty ? own : "\(own)\n   or: \(name) COMMAND [FLAG]…"
    }

    private func entry(_ option: Option) -> (String, String) {
        let short = option.short.map { "-\($0), " } ?? "    "
        let value = option.valueName.map { " \($0)" } ?? ""
        var help = option.help
        if !option.choices.isEmpty { help += ": \(option.choices.joined(separator: ", "))" }
        var notes: [String] = []
        if option.isRepeatable { notes.append("repeatable") }
        if let text = option.defaultText { notes.append("default: \(text)") }
        if !notes.isEmpty { help += " (\(notes.joined(separator: "; ")))" }
        return ("\(short)--\(option.long)\(value)", help)
    }

    private var examples: String {
        guard !command.examples.isEmpty else { return "" }
        let lines = command.examples.map { "  \($0.command)\n\(wrapped($0.explanation, indent: 6))" }
        return (["Examples:"] + lines).joined(separator: "\n")
    }

    private func list(_ title: String, _ entries: [(String, String)]) -> String {
        guard !entries.isEmpty else { return "" }
        let column = min(34, (entries.map(\.0.count).max() ?? 0) + 4)
        let lines = entries.map { name, help in
            let body = wrapped(help, indent: column)
            // A name that runs into the column has a line of its own.
            guard name.count + 4 <= column else { return "  \(name)\n\(body)" }
            let padding = String(repeating: " ", count: column - 2 - name.count)
            return "  \(name)\(padding)\(body.dropFirst(column))"
        }
        return (["\(title):"] + lines).joined(separator: "\n")
    }

    private func wrapped(_ text: String, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = ""
            for word in paragraph.split(separator: " ") {
                if !line.isEmpty, indent + line.count + 1 + word.count > width {
                    lines.append(margin + line)
                    line = ""
                }
                line += line.isEmpty ? "\(word)" : " \(word)"
            }
            lines.append(line.isEmpty ? "" : margin + line)
        }
        return lines.joined(separator: "\n")
    }
}
