/// Cuts a stream of bytes into lines.
struct LineSplitter {
    enum Overlong: Sendable {
        /// A line beyond the limit is handed on in pieces: nothing of a log is lost.
        case cut
        /// The stream ends there: a piece of a message is no message.
        case refuse
    }

    let limit: Int
    let overlong: Overlong
    private var partial: [UInt8] = []
    private var hasRefused = false

    init(limit: Int, overlong: Overlong) {
        self.limit = limit
        self.overlong = overlong
    }

    /// Takes the stream's next bytes and calls `body` with each line that they end, without its line break.
    ///
    /// - Returns: false once, where a line beyond the limit is refused; the bytes after it are dropped.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ body: ([UInt8]) -> Void) -> Bool {
        guard !hasRefused else { return true }
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let piece = rest[..<(end ?? rest.endIndex)].prefix(limit - partial.count)
            partial.append(contentsOf: piece)
            rest = rest[piece.endIndex...]
            if piece.endIndex == end {
                rest = rest.dropFirst()
                body(take())
            } else if !rest.isEmpty {
                if overlong == .refuse {
                    hasRefused = true
                    partial = []
                    return false
                }
                body(take())
            }
        }
        return true
    }

    /// What stands behind the last line break, where that is anything.
    mutating func finish() -> [UInt8]? {
        partial.isEmpty ? nil : take()
    }

    private mutating func take() -> [UInt8] {
        defer { partial = [] }
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        return partial
    }
}

/// The last bytes of a stream.
struct Tail {
    /// About what an error message can hold (`kokanee-error` is cut at 1 KiB, the log is not).
    static let limit = 2048
    private var bytes: [UInt8] = []

    mutating func append(_ new: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: new.suffix(Self.limit))
        // Trimmed at twice the limit: each byte is moved once at most.
        if bytes.count > 2 * Self.limit { bytes.removeFirst(bytes.count - Self.limit) }
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
    }

    /// As text without white space around it; what is not UTF-8, also a character cut in two, is replaced.
    var text: String {
        let isSpace: (UInt8) -> Bool = { $0 <= 0x20 }
        // A character that the cut went through has lost its first byte.
        let characters = bytes.suffix(Self.limit).drop { bytes.count > Self.limit && $0 & 0xC0 == 0x80 }
        guard let start = characters.firstIndex(where: { !isSpace($0) }),
            let end = characters.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(decoding: characters[start...end], as: UTF8.self)
    }
}
