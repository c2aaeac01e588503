internal import Glibc
internal import RdKafka
internal import Synchronization

/// A terminal that a test sits at: it sees what a program draws, and presses keys.
public final class PseudoTerminal: Sendable {
    public struct Failed: Error, CustomStringConvertible {
        public let description: String
    }

    /// How the terminal treats keys and text.
    public struct Settings: Equatable, Sendable {
        public let flags: [UInt32]
        public let characters: [UInt8]

        public var echoesKeys: Bool { flags[3] & UInt32(ECHO) != 0 }
    }

    /// A program on the terminal.
    public struct Running: Sendable {
        let process: Subprocess

        /// Its exit status, or 128 and the signal that ended it.
        ///
        /// - Throws: ``NeverHappened`` where it does not end in time; it is killed then.
        public func end(within limit: Duration = .seconds(20)) async throws -> Int32 {
            do {
                try await eventually("the program ends", within: limit) { !process.isRunning }
            } catch {
                kill(process.pid, SIGKILL)
                _ = process.wait()
                throw error
            }
            return process.wait()
        }
    }

    private final class Written: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    /// The test's side.
    private let near: Int32
    /// The program's side, open here too: the terminal outlives the program.
    private let far: Int32
    private let path: String
    private let written = Written()

    public init(rows: Int = 24, columns: Int = 80) throws {
        var (near, far): (Int32, Int32) = (-1, -1)
        var name = [CChar](repeating: 0, count: 256)
        var size = winsize()
        (size.ws_row, size.ws_col) = (UInt16(rows), UInt16(columns))
        let status = DescriptorInheritance.withoutChildren {
            let status = openpty(&near, &far, &name, nil, &size)
            for end in [near, far] where status == 0 { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return status
        }
        guard status == 0 else { throw Failed(description: "no terminal: \(String(cString: strerror(errno)))") }
        (self.near, self.far) = (near, far)
        path = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        OSThread.start(name: "test:terminal") { [near, written] in Self.read(near, written) }
    }

    // With this the thread's reading ends, and it closes the other side.
    deinit { close(far) }

    /// Starts a program, which is looked up on the PATH, with this as its stdin, stdout and stderr.
    public func start(_ program: String, _ arguments: [String]) throws -> Running {
        Running(process: try Subprocess(program, arguments, terminal: path))
    }

    /// All that was written to it.
    public var text: String { written.bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    public func press(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = Glibc.write(near, bytes, bytes.count)
    }

    public func resize(rows: Int, columns: Int) {
        var size = winsize()
        (size.ws_row, size.ws_col) = (UInt16(rows), UInt16(columns))
        _ = ioctl(near, UInt(TIOCSWINSZ), &size)
    }

    public var settings: Settings {
        var settings = termios()
        tcgetattr(far, &settings)
        return Settings(
            flags: [settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag],
            characters: withUnsafeBytes(of: settings.c_cc) { Array($0) }
        )
    }

    private static func read(_ near: Int32, _ written: Written) {
        defer { close(near) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(near, &buffer, buffer.count)
            // EIO: nobody has the other side open any more.
            guard count > 0 || count < 0 && errno == EINTR else { return }
            if count > 0 { written.bytes.withLock { $0 += buffer[..<count] } }
        }
    }
}
