import Kokanee
import Testing

@testable import kokanee

@Suite struct OptionParsingTests {
    static let parser = CommandLineParser(
        root: Command(
            name: "kokanee",
            summary: "Test.",
            subcommands: [
                Command(
                    name: "replay",
                    summary: "Replays.",
                    examples: [.init("kokanee replay orders --from -2h", "the last two hours")],
                    arguments: [Argument("QUEUE", "the queue")],
                    options: [
                        .value("from", "TIME", "from when"),
                        .value("shift-by", "N", "by how much"),
                        .value("exec", "CMD", "a command"),
                        .flag("execute", "do it"),
                        .value("order", "ORDER", "the order", choices: ["key", "partition"]),
                        .value("queue", short: "Q", "QUEUE", "a queue", isRepeatable: true),
                        .flag("secret-flag", "hidden", isHidden: true),
                    ],
                    exclusive: [["from", "shift-by"]],
                    run: { _ in }
                ),
                Command(
                    name: "topics",
                    summary: "Topics.",
                    subcommands: [
                        Command(
                            name: "create",
                            summary: "Creates.",
                            arguments: [Argument("QUEUE", minimum: 1, maximum: 3, "queues")],
                            options: [.value("partitions", "N", "how many")],
                            run: { _ in }
                        )
                    ]
                ),
            ]
        ),
        globals: Program.globals
    )

    static func parse(_ line: String) throws -> CommandLineParser.Outcome {
        try parser.parse(line.split(separator: " ").map(String.init))
    }

    static func message(_ line: String) -> String {
        do {
            _ = try parse(line)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "a value may begin with a dash",
        arguments: [
            ("replay q --from -2h", "from", "-2h"), ("replay q --shift-by -10", "shift-by", "-10"),
            ("replay --shift-by=-10 q", "shift-by", "-10"), ("replay q --from=", "from", ""),
            ("replay q --from=--json", "from", "--json"), ("replay q -b -x", "bootstrap-server", "-x"),
            ("replay q -bx:1", "bootstrap-server", "x:1"), ("replay q -qvbx:1", "bootstrap-server", "x:1"),
        ]
    )
    func valueWithDash(line: String, name: String, value: String) throws {
        #expect(try Self.parse(line).values.string(name) == value)
    }

    @Test(
        "global flags work before and after the command's name, and between its parts",
        arguments: [
            "--json -b x topics create q", "topics --json -b x create q", "topics create --json -b x q",
            "topics create q --json -b x", "topics -b x create --json q", "topics -b=x create --json q",
        ]
    )
    func globals(line: String) throws {
        let outcome = try Self.parse(line)
        #expect(outcome.commandName == "kokanee topics create")
        #expect(outcome.values.isSet("json"))
        #expect(outcome.values.string("bootstrap-server")?.hasSuffix("x") == true)
        #expect(outcome.values.positionals == ["q"])
    }

    @Test("what follows -- is never a flag")
    func endOfFlags() throws {
        let values = try Self.parse("topics create -- --json -q x").values
        #expect(values.positionals == ["--json", "-q", "x"])
        #expect(!values.isSet("json"))
    }

    @Test("repeatable flags keep their order")
    func repeatable() throws {
        let values = try Self.parse("replay q -Q b --queue a -Qc -X k=1 -X k=2").values
        #expect(values.strings("queue") == ["b", "a", "c"])
        #expect(values.strings("property") == ["k=1", "k=2"])
    }

    @Test("--exec and --execute are different flags, and nothing shorter is either")
    func noAbbreviations() throws {
        #expect(try Self.parse("replay q --execute").values.isSet("execute"))
        #expect(try !Self.parse("replay q --execute").values.isSet("exec"))
        #expect(try Self.parse("replay q --exec x").values.string("exec") == "x")
        #expect(Self.message("replay q --execu") == "unknown flag --execu (did you mean --execute?)")
        #expect(Self.message("replay q --shift 1") == "unknown flag --shift (did you mean --shift-by?)")
    }

    @Test(
        "wrong use is told in one clear line",
        arguments: [
            ("replay", "QUEUE is missing"), ("replay a b", "unexpected argument b"),
            ("topics create a b c d", "unexpected argument d"), ("topics", "kokanee topics wants a command: create"),
            ("replya q", "unknown command replya (did you mean replay?)"), ("xyzzy", "unknown command xyzzy"),
            ("topics crate q", "unknown command crate (did you mean create?)"),
            ("replay q --frm x", "unknown flag --frm (did you mean --from?)"),
            ("replay q --frobnicate", "unknown flag --frobnicate"),
            ("replay q --secret-fla", "unknown flag --secret-fla"), ("replay q -Z", "unknown flag -Z"),
            ("replay q -qZ", "unknown flag -Z in -qZ"), ("replay q -é", "unknown flag -é"),
            ("replay q -execute", "unknown flag -execute (did you mean --execute?)"),
            ("replay q --from", "--from wants a value: --from TIME"),
            ("replay q --from --json", "--from wants a value, not the flag --json (if meant: --from=--json)"),
            ("replay q --execute=yes", "--execute takes no value"),
            ("replay q --from 1 --from 2", "--from is given twice"),
            ("replay q --from 1 --shift-by 2", "--from and --shift-by exclude each other"),
            ("replay q --order kye", "--order is one of key, partition, not kye (did you mean key?)"),
        ]
    )
    func errors(line: String, expected: String) {
        #expect(Self.message(line).hasPrefix(expected))
    }

    @Test("an error names the command whose help would have helped")
    func errorNamesCommand() {
        #expect(throws: UsageError("unknown flag --x", command: "kokanee topics create")) {
            try Self.parse("topics create q --x")
        }
    }

    @Test("help is given also where the rest is missing")
    func help() throws {
        #expect(try Self.parse("replay --help").values.isSet("help"))
        #expect(try Self.parse("topics --help").command.name == "topics")
        #expect(try Self.parse("--help").command.name == "kokanee")
    }

    @Test("a name behind -- is an argument, also where a command has it")
    func behindTerminator() throws {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let outcome = try parser.parse(["replay", "--from", "-1h", "--", "work"])
        #expect(outcome.command.name == "replay" && outcome.values.positionals == ["work"])
        #expect(try parser.parse(["replay", "work", "ID"]).command.name == "work")
    }

    @Test("letters are shown by the filters that list them")
    func openLetters() throws {
        let parser = CommandLineParser(root: Program.root, globals: Program.globals)
        let all = try parser.parse(["dlq", "show", "q", "--all", "--open"]).values
        #expect(try all.deadLetterSelection().isOpenOnly)
        let one = try parser.parse(["dlq", "show", "q", "ID", "--open"]).values
        #expect(throws: UsageError.self) { try one.deadLetterSelection() }
    }

    @Test("a failed scan leaves nothing behind for the next")
    func scansAreIndependent() throws {
        for _ in 0..<3 {
            #expect(Self.message("replay q -qZv") == "unknown flag -Z in -qZv")
            #expect(try Self.parse("topics create q -v").values.positionals == ["q"])
        }
    }

    @Test(
        "whole numbers are checked against their bounds",
        arguments: ["x", "0", "-1", "101", "1.5", "", "9999999999999999999"]
    )
    func integers(text: String) throws {
        let values = try Self.parse("topics create q --partitions=\(text)").values
        #expect(throws: UsageError.self) { try values.integer("partitions", in: 1...100) }
    }

    @Test("help shows summary, usage, flags with their notes, and examples, and hides what is hidden")
    func helpText() throws {
        let outcome = try Self.parse("replay q")
        let text = HelpText(path: outcome.path, globals: Program.globals).text
        for part in [
            "Replays.", "Usage: kokanee replay QUEUE [FLAG]…", "--from TIME", "-Q, --queue QUEUE", "(repeatable)",
            "key, partition", "kokanee replay orders --from -2h", "the last two hours", "-b, --bootstrap-server LIST",
        ] {
            #expect(text.contains(part), "\(part) is missing")
        }
        #expect(!text.contains("secret-flag"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test("every command of the tool has a summary and an example", arguments: Program.root.leaves.map(\.name))
    func everyCommandIsDescribed(name: String) throws {
        let command = try #require(Program.root.leaves.first { $0.name == name })
        #expect(command.summary.hasSuffix("."))
        #expect(!command.examples.isEmpty)
    }

    @Test("completion scripts know the commands and flags", arguments: ShellCompletion.Shell.allCases)
    func completion(shell: ShellCompletion.Shell) {
        let script = ShellCompletion(root: Self.parser.root, globals: Program.globals).script(for: shell)
        for word in ["replay", "topics", "create", "shift-by", "bootstrap-server", "key partition"] {
            #expect(script.contains(word), "\(word) is missing for \(shell)")
        }
        #expect(!script.contains("secret-flag"))
    }
}

@Suite struct SuggestionTests {
    @Test(
        "distance counts insertions, deletions, substitutions and swaps",
        arguments: [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3), ("a", "b", 1)]
    )
    func distance(left: String, right: String, expected: Int) {
        #expect(Suggestion.distance(left, right) == expected)
    }

    @Test("nothing is suggested where nothing is near")
    func nothingNear() {
        #expect(Suggestion.nearest(to: "zzz", among: ["from", "to"]) == nil)
        #expect(Suggestion.nearest(to: String(repeating: "x", count: 100_000), among: ["from"]) == nil)
    }
}

extension Command {
    var leaves: [Command] { subcommands.isEmpty ? [self] : subcommands.flatMap(\.leaves) }
}
