internal import Kokanee

/// The command line that brings back the offsets that a reset takes away.
struct UndoCommand {
    /// For a POSIX shell, on one line. Where a property of this command line is a secret it is not repeated: `…`
    /// stands for it.
    let text: String

    /// - Parameters:
    ///   - old: the offsets before the reset, nil for none.
    ///   - values: of the command line that resets.
    init(queue: String, old: [Int32: Int64?], _ values: OptionValues) {
        var words = ["replay", queue, "--reset", "--offsets", PartitionRanges.text(old)]
        if let group = values.string("group") { words += ["--group", group] }
        if values.isSet("live") { words.append("--live") }
        words.append("--execute")
        text = (Self.connectionWords(values) + words.map(Self.quoted)).joined(separator: " ")
    }

    /// The tool and the connection that a command line names, for another one, quoted.
    static func connectionWords(_ values: OptionValues) -> [String] {
        var words = [Program.name]
        for (flag, name) in [("-b", "bootstrap-server"), ("-F", "command-config")] {
            if let value = values.string(name) { words += [flag, value] }
        }
        for property in values.strings("property") {
            words += ["-X", withoutSecret(property)]
        }
        return words.map(quoted)
    }

    private static func withoutSecret(_ property: String) -> String {
        guard let name = property.split(separator: "=", maxSplits: 1).first,
            ["password", "secret", "pem", "oauth"].contains(where: { name.contains($0) })
        else { return property }
        return "\(name)=…"
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:,=@%+".utf8.contains(byte)
            }
        }
        guard !isPlain || word.isEmpty else { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
