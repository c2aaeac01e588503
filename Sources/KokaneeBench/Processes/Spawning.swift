internal import CLinux
internal import Glibc
internal import RdKafka

/// A child process with pipes, waited for by whoever started it.
///
/// All calls block: they are for threads of their own.
final class ChildProcess: Sendable {
    let pid: pid_t
    /// Writes to the child's standard input; -1 where that was given.
    let input: Int32
    /// Reads the child's standard output.
    let output: Int32

    /// - Parameters:
    ///   - standardInput: a descriptor for the child to read from, which stays the caller's; nil makes a pipe.
    /// - Throws: ``BenchError`` where the system grants no pipe or process.
    init(_ path: String, _ arguments: [String], standardInput: Int32? = nil) throws {
        let output = try Self.pipe()
        let input = try standardInput == nil ? Self.pipe() : (reader: -1, writer: -1)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, standardInput ?? input.reader, 0)
        posix_spawn_file_actions_adddup2(&actions, output.writer, 1)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        // The tool blocks signals for itself; what it starts gets them as at login.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // In a group of its own: what a terminal sends to all of its foreground is for the one who started them.
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer {
            for word in words { free(word) }
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        var pid = pid_t()
        let code = posix_spawn(&pid, path, &actions, &attributes, &words, environ)
        close(output.writer)
        if input.reader >= 0 { close(input.reader) }
        guard code == 0 else {
            close(output.reader)
            if input.writer >= 0 { close(input.writer) }
            throw BenchError("can't start \(path): \(String(cString: strerror(code)))")
        }
        self.pid = pid
        self.input = input.writer
        self.output = output.reader
    }

    deinit {
        if input >= 0 { close(input) }
        close(output)
    }

    /// Both ends are closed in children that are started meanwhile: a pipe that they held open would never end.
    static func pipe() throws -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw BenchError("no pipe to be had: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }

    /// False where the child reads no more.
    @discardableResult
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count < 0, errno != EINTR { return false }
            written += max(0, count)
        }
        return true
    }

    /// The next line without its end; nil at the end of the output. Bytes are read one by one: for a few short lines.
    func line() -> [UInt8]? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(output, &byte, 1)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return line.isEmpty ? nil : line }
            if byte == UInt8(ascii: "\n") { return line }
            line.append(byte)
        }
    }

    /// The wait status: 0 is success.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status
    }
}
