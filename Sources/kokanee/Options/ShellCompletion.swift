/// Completion scripts for the shells, from the same description as parsing and help.
struct ShellCompletion {
    enum Shell: String, CaseIterable {
        case bash, zsh, fish
    }

    let root: Command
    let globals: [Option]

    func script(for shell: Shell) -> String {
        switch shell {
        case .bash: bash
        case .zsh: zsh
        case .fish: fish
        }
    }

    /// Every command that can be named, with its path below the root.
    private func commands() -> [(path: [String], command: Command)] {
        func walk(_ command: Command, _ path: [String]) -> [(path: [String], command: Command)] {
            [(path, command)] + command.subcommands.flatMap { walk($0, path + [$0.name]) }
        }
        return walk(root, [])
    }

    private func options(of command: Command) -> [Option] {
        (command.options + globals).filter { !$0.isHidden }
    }

    /// Flags that take a value, as words: the word after one of them is not a command's name.
    private var flagsWithValues: [String] {
        let all = globals + commands().flatMap { $0.command.options }
        let words = all.filter { $0.valueName != nil }.flatMap { option in
            ["--\(option.long)"] + (option.short.map { ["-\($0)"] } ?? [])
        }
        return Set(words).sorted()
    }

    /// The shell loop, same in bash and zsh, that finds the command's path in the words before the cursor.
    private func pathLoop(words: String, first: String, last: String) -> String {
        let names = commands().dropFirst().map { "\"\($0.path.joined(separator: " "))\"" }
        return """
                local path="" skip="" word i
                for ((i = \(first); i < \(last); i++)); do
                    word="${\(words)[i]}"
                    if [[ -n $skip ]]; then skip=""; continue; fi
                    case "$word" in
                        \(flagsWithValues.joined(separator: "|"))) skip=1 ;;
                        -*) ;;
                        *)
                            case "${path:+$path }$word" in
                                \(names.joined(separator: "|"))) path="${path:+$path }$word" ;;
                            esac ;;
                    esac
                done
            """
    }

    private var bash: String {
        let cases = commands().map { path, command in
            let words = command.subcommands.map(\.name) + options(of: command).map { "--\($0.long)" }
            return "        \"\(path.joined(separator: " "))\") words=\"\(words.joined(separator: " "))\" ;;"
        }
        let choices = choiceCases { "        --\($0.long)) words=\"\($0.choices.joined(separator: " "))\" ;;" }
        return """
            # bash completion for kokanee: eval "$(kokanee completion bash)"
            _kokanee() {
            \(pathLoop(words: "COMP_WORDS", first: "1", last: "COMP_CWORD"))
                local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" words=""
                case "$previous" in
            \(choices.joined(separator: "\n"))
                    \(flagsWithValues.joined(separator: "|"))) COMPREPLY=($(compgen -f -- "$current")); return ;;
                esac
                [[ -n $words ]] || case "$path" in
            \(cases.joined(separator: "\n"))
                esac
                COMPREPLY=($(compgen -W "$words" -- "$current"))
            }
            complete -F _kokanee kokanee

            """
    }

    private var zsh: String {
        let cases = commands().map { path, command in
            let names = command.subcommands.map { Self.quoted("\($0.name):\($0.summary)") }
            let flags = options(of: command).map { Self.quoted("--\($0.long):\($0.help)") }
            let words = (names + flags).joined(separator: " ")
            return "        \"\(path.joined(separator: " "))\") entries=(\(words)) ;;"
        }
        let choices = choiceCases { "        --\($0.long)) compadd -- \($0.choices.joined(separator: " ")); return ;;" }
        return """
            #compdef kokanee
            # zsh completion for kokanee: eval "$(kokanee completion zsh)"
            _kokanee() {
                setopt localoptions ksharrays
                local -a entries
            \(pathLoop(words: "words", first: "1", last: "CURRENT - 1").replacing("path", with: "command_path"))
                case "${words[CURRENT-2]}" in
            \(choices.joined(separator: "\n"))
                    \(flagsWithValues.joined(separator: "|"))) _files; return ;;
                esac
                case "$command_path" in
            \(cases.joined(separator: "\n"))
                esac
                _describe 'kokanee' entries
            }
            compdef _kokanee kokanee

            """
    }

    private var fish: String {
        var lines = ["# fish completion for kokanee: kokanee completion fish | source", "complete -c kokanee -f"]
        for (path, command) in commands() {
            let children = command.subcommands.map(\.name)
            var conditions = path.map { "__fish_seen_subcommand_from \($0)" }
            if !children.isEmpty {
                conditions.append("not __fish_seen_subcommand_from \(children.joined(separator: " "))")
            }
            let condition = conditions.isEmpty ? "" : " -n '\(conditions.joined(separator: "; and "))'"
            for child in command.subcommands {
                lines.append("complete -c kokanee\(condition) -a \(child.name) -d \(Self.quoted(child.summary))")
            }
            lines += command.options.filter { !$0.isHidden }.map { "complete -c kokanee\(condition)\(fish($0))" }
        }
        lines += globals.filter { !$0.isHidden }.map { "complete -c kokanee\(fish($0))" }
        return lines.joined(separator: "\n") + "\n"
    }

    private func fish(_ option: Option) -> String {
        let short = option.short.map { " -s \($0)" } ?? ""
        // -r: wants a value; -F: files may complete it.
        let value =
            option.valueName == nil
            ? "" : option.choices.isEmpty ? " -r -F" : " -x -a '\(option.choices.joined(separator: " "))'"
        return " -l \(option.long)\(short)\(value) -d \(Self.quoted(option.help))"
    }

    private func choiceCases(_ line: (Option) -> String) -> [String] {
        var seen: Set<String> = []
        return (globals + commands().flatMap { $0.command.options })
            .filter { !$0.choices.isEmpty && seen.insert($0.long).inserted }
            .map(line)
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
