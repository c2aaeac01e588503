/// What a command line said: the values of flags by long name, and the positional arguments.
struct OptionValues: Sendable {
    private var values: [String: [String]] = [:]
    var positionals: [String] = []
    var commandName = Program.name

    mutating func add(_ value: String?, to option: Option) throws(UsageError) {
        if let value, !option.choices.isEmpty, !option.choices.contains(value) {
            let choices = option.choices.joined(separator: ", ")
            let hint = Suggestion.hint(for: value, among: option.choices)
            throw UsageError("--\(option.long) is one of \(choices), not \(value)\(hint)")
        }
        guard option.valueName == nil || option.isRepeatable || values[option.long] == nil else {
            throw UsageError("--\(option.long) is given twice")
        }
        values[option.long, default: []].append(value ?? "")
    }

    func isSet(_ long: String) -> Bool { values[long] != nil }

    /// How often a flag without a value was given.
    func count(_ long: String) -> Int { values[long]?.count ?? 0 }

    func strings(_ long: String) -> [String] { values[long] ?? [] }

    func string(_ long: String) -> String? { values[long]?.last }

    func requiredString(_ long: String) throws(UsageError) -> String {
        guard let value = string(long) else { throw error("--\(long) is missing") }
        return value
    }

    func integer(_ long: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = string(long) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw error("--\(long) is a whole number from \(range.lowerBound) to \(range.upperBound), not \(text)")
        }
        return value
    }

    /// The flag's text as read by `parse`, whose error becomes one about this flag.
    func parsed<Value>(_ long: String, _ parse: (String) throws -> Value) throws(UsageError) -> Value? {
        guard let text = string(long) else { return nil }
        do {
            return try parse(text)
        } catch {
            throw self.error("--\(long): \(error)")
        }
    }

    /// An error about this command line.
    func error(_ message: String) -> UsageError {
        UsageError(message, command: commandName)
    }
}
