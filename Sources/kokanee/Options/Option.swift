/// A flag of a command: its spelling, its value if it takes one, and what help and completion say about it.
struct Option: Sendable {
    /// Without the dashes: `bootstrap-server`. It also is the name under which the value is asked for.
    let long: String
    let short: Character?
    /// What stands for the value in help, such as `FILE`; nil for a flag that takes none.
    let valueName: String?
    let help: String
    let isRepeatable: Bool
    /// The default in words, for help.
    let defaultText: String?
    /// The only values allowed, where they can be listed.
    let choices: [String]
    /// Parsed, but left out of help, completion and suggestions.
    let isHidden: Bool

    private init(
        long: String,
        short: Character?,
        valueName: String?,
        help: String,
        isRepeatable: Bool = false,
        defaultText: String? = nil,
        choices: [String] = [],
        isHidden: Bool = false
    ) {
        self.long = long
        self.short = short
        self.valueName = valueName
        self.help = help
        self.isRepeatable = isRepeatable
        self.defaultText = defaultText
        self.choices = choices
        self.isHidden = isHidden
    }

    static func flag(_ long: String, short: Character? = nil, _ help: String, isHidden: Bool = false) -> Option {
        Option(long: long, short: short, valueName: nil, help: help, isHidden: isHidden)
    }

    static func value(
        _ long: String,
        short: Character? = nil,
        _ valueName: String,
        _ help: String,
        isRepeatable: Bool = false,
        default defaultText: String? = nil,
        choices: [String] = [],
        isHidden: Bool = false
    ) -> Option {
        Option(
            long: long,
            short: short,
            valueName: valueName,
            help: help,
            isRepeatable: isRepeatable,
            defaultText: defaultText,
            choices: choices,
            isHidden: isHidden
        )
    }
}

/// A positional argument of a command.
struct Argument: Sendable {
    let name: String
    let minimum: Int
    let maximum: Int
    let help: String

    init(_ name: String, minimum: Int = 1, maximum: Int = 1, _ help: String) {
        self.name = name
        self.minimum = minimum
        self.maximum = maximum
        self.help = help
    }

    /// As in a usage line: `QUEUE`, `[QUEUE]`, `QUEUE…`.
    var usage: String {
        let repeated = maximum > 1 ? "\(name)…" : name
        return minimum == 0 ? "[\(repeated)]" : repeated
    }
}
