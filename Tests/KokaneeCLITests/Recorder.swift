import Synchronization

@testable import kokanee

/// Remembers what was written, and lets tests wait for it.
final class Recorder: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    private let changes: AsyncStream<Void>
    private let change: AsyncStream<Void>.Continuation

    init() {
        (changes, change) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func sink(isTerminal: Bool = false) -> TextSink {
        TextSink(isTerminal: isTerminal) { [self] written in
            bytes.withLock { $0 += written }
            change.yield()
        }
    }

    var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
    var lines: [String] { text.split(separator: "\n").map(String.init) }

    /// The first whole line, once it is there. For one caller.
    func firstLine() async -> String {
        for await _ in changes where text.contains("\n") { break }
        return lines.first ?? ""
    }
}
