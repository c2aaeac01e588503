/// Cuts a stream of bytes into lines, whatever its chunks are.
///
/// A line ends with LF or CRLF, the last one also with the input. A byte order mark at the very start and lines of
/// nothing but white space are skipped, but counted.
struct LineSplitter: Sendable {
    struct Line: Sendable, Equatable {
        /// The first is 1.
        let number: Int
        /// Without the line's end.
        let bytes: [UInt8]
    }

    struct TooLong: Error, Equatable {
        let number: Int
    }

    /// In bytes.
    let maximumLength: Int
    private var partial: [UInt8] = []
    private var number = 0

    init(maximumLength: Int) {
        self.maximumLength = maximumLength
    }

    /// Appends to `lines` those that `chunk` completes.
    ///
    /// - Throws: ``TooLong`` at the first line over the limit; the lines before it have been appended.
    mutating func add(_ chunk: UnsafeRawBufferPointer, to lines: inout [Line]) throws(TooLong) {
        var rest = chunk[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            partial.append(contentsOf: rest[..<end])
            rest = rest[(end + 1)...]
            try complete(&lines)
        }
        partial.append(contentsOf: rest)
        try checkLength()
    }

    /// Appends the last line, where the input did not end with a line break.
    mutating func finish(_ lines: inout [Line]) throws(TooLong) {
        if !partial.isEmpty { try complete(&lines) }
    }

    private mutating func complete(_ lines: inout [Line]) throws(TooLong) {
        try checkLength()
        number += 1
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        if number == 1, partial.starts(with: [0xEF, 0xBB, 0xBF]) { partial.removeFirst(3) }
        if partial.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) {
            lines.append(Line(number: number, bytes: partial))
            // The array's storage now is the line's; a new one is grown from the next chunk.
            partial = []
        } else {
            partial.removeAll(keepingCapacity: true)
        }
    }

    private func checkLength() throws(TooLong) {
        guard partial.count <= maximumLength else { throw TooLong(number: number + 1) }
    }
}
