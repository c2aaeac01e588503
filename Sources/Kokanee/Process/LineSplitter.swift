internal import Glibc

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
    /// A line that stands whole in `bytes` is not copied: what `body` is given is valid inside it only.
    ///
    /// - Returns: false once, where a line beyond the limit is refused; the bytes after it are dropped.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard !hasRefused else { return true }
        var start = 0
        while start < bytes.count {
            let end = Self.lineBreak(in: bytes, from: start)
            let pieceEnd = min(end ?? bytes.count, start + limit - partial.count)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<pieceEnd])
            start = pieceEnd
            if pieceEnd == end {
                start += 1
                if partial.isEmpty {
                    body(Self.withoutReturn(piece))
                } else {
                    partial.append(contentsOf: piece)
                    hand(to: body)
                }
                continue
            }
            partial.append(contentsOf: piece)
            guard start < bytes.count else { break }
            if overlong == .refuse {
                hasRefused = true
                partial = []
                return false
            }
            hand(to: body)
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

    private mutating func hand(to body: (UnsafeRawBufferPointer) -> Void) {
        partial.withUnsafeBytes { body(Self.withoutReturn($0)) }
        partial.removeAll(keepingCapacity: partial.count <= 64 << 10)
    }

    private static func lineBreak(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        return memchr(base + start, Int32(UInt8(ascii: "\n")), bytes.count - start).map { UnsafeRawPointer($0) - base }
    }

    private static func withoutReturn(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        line.last == UInt8(ascii: "\r") ? UnsafeRawBufferPointer(rebasing: line.dropLast()) : line
    }
}

/// Lines that were read at once, in one piece of memory that is used again and again.
final class LineBatch {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var isEmpty: Bool { ends.isEmpty }

    func append(_ line: some Collection<UInt8>) {
        bytes.append(contentsOf: line)
        ends.append(bytes.count)
    }

    /// Calls `body` with each line, valid inside it only, and forgets them.
    func drain(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in ends {
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
        ends.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: bytes.capacity <= 256 << 10)
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

    var isEmpty: Bool { bytes.isEmpty }

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
