internal import Glibc

/// A file of client properties: `key=value` lines, as Kafka's own tools read them.
///
/// Lines that are blank or begin with `#` or `!` are skipped, white space around key and value is not part of them,
/// and a value may contain `=`. Java's escapes and continued lines are not known.
struct PropertyFile {
    struct Entry: Equatable {
        let name: String
        let value: String
        let line: Int
    }

    let entries: [Entry]

    /// - Throws: ``Failure`` with exit code 65 that names the line.
    init(text: String, path: String) throws {
        var entries: [Entry] = []
        // The byte order mark that some editors put first is no part of the first key.
        let text = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimmed
            guard !line.isEmpty, !line.hasPrefix("#"), !line.hasPrefix("!") else { continue }
            guard let entry = Property(line) else {
                throw Failure("\(path): line \(index + 1): expected key=value", code: .input)
            }
            entries.append(Entry(name: entry.name, value: entry.value, line: index + 1))
        }
        self.entries = entries
    }

    /// - Throws: ``Failure`` with exit code 65 where the file can't be read or is not UTF-8.
    init(path: String) throws {
        guard let text = String(validating: try Self.bytes(of: path), as: UTF8.self) else {
            throw Failure("\(path) is not UTF-8 text", code: .input)
        }
        try self.init(text: text, path: path)
    }

    /// Also of a pipe, as the shell's `<(…)` makes one for what is to be on no disk.
    private static func bytes(of path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure.unreadable(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { bytes += buffer[..<count] }
            if count == 0 { return bytes }
            if count < 0, errno != EINTR { throw Failure.unreadable(path) }
        }
    }
}

/// One `key=value`.
struct Property: Equatable {
    let name: String
    let value: String

    /// Nil without a `=` or with nothing before it.
    init?(_ text: some StringProtocol) {
        // By scalars here and below: a combining mark that a value begins with would take the sign, or a space, with it.
        guard let separator = text.unicodeScalars.firstIndex(of: "=") else { return nil }
        name = String(text[..<separator].trimmed)
        value = String(text[text.unicodeScalars.index(after: separator)...].trimmed)
        guard !name.isEmpty else { return nil }
    }
}

extension StringProtocol {
    /// The text without white space at its ends.
    var trimmed: SubSequence {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return self[endIndex..<endIndex] }
        return self[first..<scalars.index(after: last)]
    }
}
