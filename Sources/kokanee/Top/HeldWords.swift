internal import Synchronization

/// What a command has to say while it draws on the terminal, where a line on stderr would stand amid the picture.
final class HeldWords: Sendable {
    /// Lines that are kept; older ones give way.
    private static let limit = 50

    private let console: Console
    /// Nil while nothing is held.
    private let lines = Mutex<[String]?>(nil)

    /// - Parameter console: is told what is not held.
    init(else console: Console) {
        self.console = console
    }

    /// A console whose words come here. `-v` makes it say no more: that is for stderr.
    func console(_ context: Context) -> Console {
        Console(
            output: TextSink { _ in },
            error: TextSink { [self] bytes in say(String(decoding: bytes, as: UTF8.self)) },
            redaction: context.console.redaction,
            verbosity: context.console.verbosity == .quiet ? .quiet : .normal,
            environment: context.environment
        )
    }

    /// From now on words are kept for ``take()``.
    func hold() { lines.withLock { $0 = $0 ?? [] } }

    /// From now on words go to the console; what is held is not said any more.
    func letGo() { lines.withLock { $0 = nil } }

    /// What was said since the last call.
    func take() -> [String] {
        lines.withLock { held in
            defer { if held != nil { held = [] } }
            return held ?? []
        }
    }

    private func say(_ text: String) {
        for line in text.split(separator: "\n") {
            let isHeld = lines.withLock { held in
                guard held != nil else { return false }
                held = (held ?? []).suffix(Self.limit - 1) + [String(line)]
                return true
            }
            if !isHeld { console.complain(String(line)) }
        }
    }
}
