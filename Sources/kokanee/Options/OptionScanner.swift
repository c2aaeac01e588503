internal import CGetopt
internal import Glibc
internal import Synchronization

/// One run of `getopt_long` over a list of words.
enum OptionScanner {
    enum Token: Equatable {
        case option(long: String, value: String?)
        case positional(String)
    }

    struct Scan {
        var tokens: [Token] = []
        /// What was not looked at, where the scan stopped at the first positional; else empty.
        var rest: [String] = []
        /// Whether ``rest`` is what follows a `--`.
        var isBehindTerminator = false
    }

    // getopt's state is C globals.
    private static let lock = Mutex(())

    /// - Parameter stopsAtPositional: leave the first positional and all after it in ``Scan/rest``.
    /// - Throws: ``UsageError`` for an unknown flag, a missing value, or a value where none is taken.
    static func scan(_ words: [String], options: [Option], stopsAtPositional: Bool) throws(UsageError) -> Scan {
        let result = lock.withLock { _ -> Result<Scan, UsageError> in
            Result { () throws(UsageError) -> Scan in
                try scanLocked(words, options: options, stopsAtPositional: stopsAtPositional)
            }
        }
        return try result.get()
    }

    private static func scanLocked(
        _ words: [String],
        options: [Option],
        stopsAtPositional: Bool
    ) throws(UsageError) -> Scan {
        var strings: [UnsafeMutablePointer<CChar>?] = (["kokanee"] + words).map { strdup($0) } + [nil]
        let names: [UnsafeMutablePointer<CChar>?] = options.map { strdup($0.long) }
        defer { for pointer in strings + names { free(pointer) } }

        // "-": positionals come in their place, as code 1, without argv being permuted, so that argv[optind] is always
        // the word that comes next. ":": a missing value is told from an unknown flag, and getopt prints nothing.
        var shorts = "-:"
        var longs: [CGetopt.option] = []
        for (index, option) in options.enumerated() {
            let wantsValue: Int32 = option.valueName == nil ? 0 : 1
            longs.append(CGetopt.option(name: names[index], has_arg: wantsValue, flag: nil, val: Int32(256 + index)))
            if let short = option.short {
                shorts += option.valueName == nil ? "\(short)" : "\(short):"
            }
        }
        longs.append(CGetopt.option())

        var scan = Scan()
        let count = Int32(words.count + 1)
        cgetopt_reset()
        var word = words.first ?? ""
        while true {
            let index = Int(cgetopt_index())
            if index <= words.count { word = words[index - 1] }
            let result = cgetopt_next(count, &strings, shorts, longs)
            let value = result.value.map { String(cString: $0) }
            switch result.code {
            case -1:
                // What follows a `--`.
                let remaining = words.dropFirst(Int(cgetopt_index()) - 1)
                if stopsAtPositional {
                    scan.rest = Array(remaining)
                    scan.isBehindTerminator = true
                } else {
                    scan.tokens += remaining.map { .positional($0) }
                }
                return scan
            case 1:
                let value = value ?? ""
                if stopsAtPositional {
                    scan.rest = [value] + words.dropFirst(Int(cgetopt_index()) - 1)
                    return scan
                }
                scan.tokens.append(.positional(value))
            case Int32(UInt8(ascii: "?")), Int32(UInt8(ascii: ":")):
                throw error(result, word: word, options: options)
            default:
                let option = try option(code: result.code, word: word, options: options)
                try checkValue(value, of: option, word: word, options: options)
                scan.tokens.append(.option(long: option.long, value: option.valueName == nil ? nil : value ?? ""))
            }
        }
    }

    private static func option(code: Int32, word: String, options: [Option]) throws(UsageError) -> Option {
        guard code >= 256 else {
            let letter = Character(UnicodeScalar(UInt8(truncatingIfNeeded: code)))
            guard let option = options.first(where: { $0.short == letter }) else { throw unknown(word, options) }
            return option
        }
        let option = options[Int(code) - 256]
        // getopt_long takes any unambiguous beginning, so that a flag added later breaks scripts, and a mistyped
        // `--exec` would run as `--execute`: only the full name is a name here.
        guard longName(word) == option.long else { throw unknown(word, options) }
        return option
    }

    /// `--type --json`: more likely a forgotten value than a value that is spelled as a flag.
    private static func checkValue(
        _ value: String?,
        of option: Option,
        word: String,
        options: [Option]
    ) throws(UsageError) {
        guard let value, value.hasPrefix("--"), !word.contains("="),
            options.contains(where: { $0.long == value.dropFirst(2) })
        else { return }
        throw UsageError("--\(option.long) wants a value, not the flag \(value) (if meant: --\(option.long)=\(value))")
    }

    private static func error(_ result: cgetopt_result, word: String, options: [Option]) -> UsageError {
        if word.hasPrefix("--") {
            let name = longName(word)
            guard let option = options.first(where: { $0.long == name }) else { return unknown(word, options) }
            return option.valueName.map { UsageError("--\(name) wants a value: --\(name) \($0)") }
                ?? UsageError("--\(name) takes no value")
        }
        let letter = UnicodeScalar(UInt8(truncatingIfNeeded: result.offender))
        if result.code == Int32(UInt8(ascii: ":")), let option = options.first(where: { $0.short == Character(letter) })
        {
            return UsageError("-\(letter) wants a value: -\(letter) \(option.valueName ?? "VALUE")")
        }
        // A byte of a longer character says nothing; the word it stands in does.
        guard letter.isASCII, word.utf8.count > 2 else { return UsageError("unknown flag \(word)") }
        // `-partitions 3` was meant as a long flag.
        let meant = word.dropFirst().prefix { $0 != "=" }
        if options.contains(where: { $0.long == meant }) {
            return UsageError("unknown flag \(word) (did you mean --\(meant)?)")
        }
        return UsageError("unknown flag -\(letter) in \(word)")
    }

    private static func unknown(_ word: String, _ options: [Option]) -> UsageError {
        let known = options.lazy.filter { !$0.isHidden }.map(\.long)
        let name = longName(word)
        return UsageError("unknown flag --\(name)\(Suggestion.hint(for: name, among: known, prefix: "--"))")
    }

    private static func longName(_ word: String) -> String {
        String(word.dropFirst(2).prefix { $0 != "=" })
    }
}
