internal import Glibc
internal import RdKafka
internal import Synchronization

/// The terminal, while a command has it to itself: another screen than the one with the shell's lines, no cursor, and
/// keys that come one by one and are not shown.
///
/// Ctrl-C stays what it is. Ctrl-Z and Ctrl-\ do nothing meanwhile: both would leave the shell a terminal in this state.
final class Screen: Sendable {
    private struct State {
        var isOpen = false
        /// It is closed for good, be it before it was opened: who interrupts a look does not wait for its end.
        var isOver = false
    }

    // The alternate screen; no cursor; no wrapping, should a character be wider than was thought.
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leave = "\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"
    /// For as long as it is open.
    private static let current = Mutex<Screen?>(nil)
    /// How keys were read before. Nobody holds it while writing: a terminal that takes nothing is given back all the same.
    private static let settings = Mutex<termios?>(nil)

    private let console: Console
    private let state = Mutex(State())

    /// - Parameter console: its stdout is the terminal.
    init(console: Console) {
        self.console = console
    }

    var usesColour: Bool { console.usesColour }

    /// Whether there is somebody to press keys.
    static var hasKeys: Bool { isatty(STDIN_FILENO) == 1 }

    /// What the terminal has now; 24 lines of 80 where it doesn't say.
    static var size: Frame.Size {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return Frame.Size(rows: 24, columns: 80)
        }
        return Frame.Size(rows: Int(size.ws_row), columns: Int(size.ws_col))
    }

    /// Takes the terminal. To be called once.
    ///
    /// - Throws: `CancellationError` where it was closed before; what writing throws.
    func open() throws {
        try state.withLock { state in
            guard !state.isOver else { throw CancellationError() }
            Self.current.withLock { $0 = self }
            state.isOpen = true
            Self.readSingleKeys()
            try console.steer(Self.enter)
        }
    }

    /// Draws on it; nothing once it is closed.
    func draw(_ frame: Frame) throws {
        try state.withLock { state in
            if state.isOpen { try console.steer(frame.text) }
        }
    }

    /// Gives the terminal back as it was. It is not opened any more.
    func close() {
        state.withLock { end(&$0) }
        Self.current.withLock { $0 = nil }
    }

    /// The same of the screen that is open, if there is one, for a process that ends at once: it waits for a tenth of a second
    /// at most.
    static func giveBack() {
        restoreKeys()
        guard let screen = current.withLockIfAvailable({ $0 }) ?? nil else { return }
        for _ in 0..<20 {
            let isDone: Void? = screen.state.withLockIfAvailable { state in
                var ready = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                if poll(&ready, 1, 0) > 0 { screen.end(&state) }
            }
            if isDone != nil { return }
            usleep(5000)
        }
    }

    private func end(_ state: inout State) {
        state.isOver = true
        // First, as writing may take its time.
        Self.restoreKeys()
        guard state.isOpen else { return }
        state.isOpen = false
        // Whoever has closed the terminal has no use for it.
        try? console.steer(Self.leave)
    }

    // MARK: - Keys

    /// Calls `onEnd` where `q` is pressed while it is open, on a thread of its own. Where stdin is no terminal it is not read.
    func watchKeys(onEnd: @escaping @Sendable () -> Void) {
        guard Self.hasKeys else { return }
        OSThread.start(name: "read keys") { [self] in
            while isOpen {
                var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
                // Not for ever: nobody tells it of the end.
                guard poll(&input, 1, 200) > 0 else { continue }
                var keys = [UInt8](repeating: 0, count: 256)
                let count = read(STDIN_FILENO, &keys, keys.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                guard count > 0 else { return }
                if Self.isEnd(keys[..<count]) { return onEnd() }
            }
        }
    }

    /// Whether one of the keys is `q`, or Ctrl-C where the terminal makes no signal of it.
    static func isEnd(_ keys: some Sequence<UInt8>) -> Bool {
        keys.contains { [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3].contains($0) }
    }

    var isOpen: Bool { state.withLock(\.isOpen) }

    /// By stdout, which is the terminal whatever stdin is.
    private static func readSingleKeys() {
        var settings = termios()
        guard tcgetattr(STDOUT_FILENO, &settings) == 0 else { return }
        let before = settings
        Self.settings.withLock { $0 = before }
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        withUnsafeMutableBytes(of: &settings.c_cc) { characters in
            characters[Int(VMIN)] = 1
            characters[Int(VTIME)] = 0
            // _POSIX_VDISABLE: no character does that.
            characters[Int(VSUSP)] = 0
            characters[Int(VQUIT)] = 0
        }
        set(settings)
    }

    private static func restoreKeys() {
        if let settings = settings.withLock({ $0.take() }) { set(settings) }
    }

    private static func set(_ settings: termios) {
        var settings = settings
        while tcsetattr(STDOUT_FILENO, TCSANOW, &settings) == -1, errno == EINTR {}
    }
}
