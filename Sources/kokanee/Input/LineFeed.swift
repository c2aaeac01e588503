internal import RdKafka
internal import Synchronization

/// The lines of an input, read and parsed on a thread of their own, ahead of whoever asks for them.
///
/// What comes while the part before is worked on is gathered and handed over as one, so that a pipe's small reads cost
/// no more than a file's. Nothing waits for more to come: a lone line is handed over at once. About ``limit`` of the
/// input is held at most, or one line where that is longer; then the reading pauses, and with it who writes to the pipe.
final class LineFeed<Part: Gatherable>: Sendable {
    /// In bytes.
    static var limit: Int { 1 << 20 }

    let reader: LineReader
    let handOver: HandOver<Part>
    private let parse: @Sendable (LineReader.Batch) -> (part: Part, isLast: Bool)
    private let isStarted = Atomic(false)

    /// Reads nothing yet.
    ///
    /// - Parameter parse: runs on the reading thread; nothing behind what it calls the last part is read.
    init(
        _ reader: LineReader,
        limit: Int = limit,
        parse: @escaping @Sendable (LineReader.Batch) -> (part: Part, isLast: Bool)
    ) {
        self.reader = reader
        self.parse = parse
        handOver = HandOver(limit: limit)
    }

    deinit { stop() }

    /// The input's length, where it is a regular file.
    var size: Int? { reader.size }

    /// All that has come since the last call; waits for a line where none has. Nil at the end, or after ``stop()``.
    ///
    /// One call at a time.
    ///
    /// - Throws: ``Failure`` with exit code 65 for a read error or a line that is too long, after the lines before it.
    func next() async throws -> Part? {
        if !isStarted.exchange(true, ordering: .relaxed) {
            // Not self, whose end is what stops the thread.
            OSThread.start(name: "read lines") { [reader, handOver, parse] in
                handOver.finish(Result { try Self.read(reader, handOver, parse) })
            }
        }
        return try await handOver.take()
    }

    /// Ends the reading, from any thread, also while ``next()`` waits for input. What was read ahead is dropped.
    func stop() {
        handOver.close()
        reader.stop()
    }

    private static func read(
        _ reader: LineReader,
        _ handOver: HandOver<Part>,
        _ parse: @Sendable (LineReader.Batch) -> (part: Part, isLast: Bool)
    ) throws {
        var bytesBefore = 0
        while let room = handOver.awaitRoom() {
            // A little over the limit, rather than a few bytes at a time up to it.
            guard let batch = try reader.read(atMost: max(room, handOver.limit / 16)) else { return }
            let (part, isLast) = parse(batch)
            handOver.give(part, size: batch.bytesRead - bytesBefore)
            bytesBefore = batch.bytesRead
            if isLast { return }
        }
    }
}

extension LineFeed<LineReader.Batch> {
    /// As they are.
    convenience init(_ reader: LineReader, limit: Int = limit) {
        self.init(reader, limit: limit) { ($0, false) }
    }
}
