internal import Glibc
internal import RdKafka
internal import Synchronization

/// Reads lines from a file or from stdin in constant memory: those that one read brings, when asked for.
///
/// It blocks; ``LineFeed`` gives it a thread.
final class LineReader: Sendable {
    struct Batch: Gatherable {
        private(set) var lines: [LineSplitter.Line]
        /// Of the input, up to the batch's end; more than the lines hold where one is still incomplete.
        private(set) var bytesRead: Int

        mutating func append(_ next: Batch) {
            lines += next.lines
            bytesRead = next.bytesRead
        }
    }

    private struct State {
        var splitter: LineSplitter
        /// What a read fills; as large as the largest was.
        var buffer: [UInt8] = []
        var bytesRead = 0
        var isAtEnd = false
        /// A line that is too long; told once the lines before it have been handed out.
        var failure: LineSplitter.TooLong?
    }

    let name: String
    /// The input's length, where it is a regular file.
    let size: Int?
    private let fileDescriptor: Int32
    private let ownsDescriptor: Bool
    /// A byte in it ends a read that waits, for a pipe may stay silent for ever.
    private let stopPipe: (read: Int32, write: Int32)
    private let isStopped = Atomic(false)
    // Locked through a blocking read, on a thread that is there for nothing else.
    private let state: Mutex<State>

    /// - Parameter path: `-` is stdin.
    /// - Throws: ``Failure`` with exit code 65 where the file can't be opened.
    convenience init(path: String, maximumLineLength: Int = 64 << 20) throws {
        guard path != "-" else {
            try self.init(STDIN_FILENO, isOwned: false, name: "stdin", maximumLineLength: maximumLineLength)
            return
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure.unreadable(path) }
        try self.init(descriptor, isOwned: true, name: path, maximumLineLength: maximumLineLength)
    }

    private init(_ descriptor: Int32, isOwned: Bool, name: String, maximumLineLength: Int) throws {
        fileDescriptor = descriptor
        ownsDescriptor = isOwned
        self.name = name
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        size = isFile ? status.st_size : nil
        var ends: [Int32] = [-1, -1]
        let error = pipe(&ends) == 0 ? 0 : errno
        // The Glibc module has no pipe2.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        stopPipe = (ends[0], ends[1])
        state = Mutex(State(splitter: LineSplitter(maximumLength: maximumLineLength)))
        guard error == 0 else { throw Failure("can't make a pipe: \(String(cString: strerror(error)))") }
    }

    deinit {
        if ownsDescriptor { close(fileDescriptor) }
        if stopPipe.read >= 0 { close(stopPipe.read) }
        if stopPipe.write >= 0 { close(stopPipe.write) }
    }

    /// Ends the reading, from any thread, also while ``read(atMost:)`` waits for input.
    func stop() {
        guard !isStopped.exchange(true, ordering: .sequentiallyConsistent) else { return }
        // One byte that is never read: the pipe stays readable.
        var byte: UInt8 = 0
        write(stopPipe.write, &byte, 1)
    }

    /// The next lines, as soon as there is one; nil at the end, or after ``stop()``. Blocks.
    ///
    /// - Parameter size: of one read, in bytes; a line that is longer takes several.
    /// - Throws: ``Failure`` with exit code 65 for a read error or a line that is too long.
    func read(atMost size: Int) throws -> Batch? {
        try state.withLock { try read(&$0, size) }
    }

    private func read(_ state: inout State, _ size: Int) throws -> Batch? {
        var lines: [LineSplitter.Line] = []
        while lines.isEmpty {
            if let failure = state.failure {
                throw Failure(
                    "\(name): line \(failure.number): longer than \(state.splitter.maximumLength >> 20) MiB",
                    code: .input
                )
            }
            guard !state.isAtEnd, !isStopped.load(ordering: .sequentiallyConsistent), awaitInput() else { return nil }
            do {
                try readOnce(&state, size, &lines)
            } catch let failure as LineSplitter.TooLong {
                state.failure = failure
            }
        }
        return Batch(lines: lines, bytesRead: state.bytesRead)
    }

    private func readOnce(_ state: inout State, _ size: Int, _ lines: inout [LineSplitter.Line]) throws {
        if state.buffer.count < size { state.buffer = Array(repeating: 0, count: size) }
        let count = state.buffer.withUnsafeMutableBytes { Glibc.read(fileDescriptor, $0.baseAddress!, size) }
        switch count {
        case 0:
            state.isAtEnd = true
            try state.splitter.finish(&lines)
        case 1...:
            state.bytesRead += count
            let buffer = state.buffer
            try buffer.withUnsafeBytes { buffer in
                try state.splitter.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: &lines)
            }
        case _ where errno == EINTR || errno == EAGAIN:
            break
        default:
            throw Failure.unreadable(name)
        }
    }

    /// False after ``stop()``.
    private func awaitInput() -> Bool {
        var waits = [
            pollfd(fd: stopPipe.read, events: Int16(POLLIN), revents: 0),
            pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&waits, 2, -1) < 0, errno == EINTR {}
        return waits[0].revents == 0
    }
}

extension Failure {
    /// Of a file that could not be opened or read, as `errno` says.
    static func unreadable(_ name: String) -> Failure {
        Failure("can't read \(name): \(String(cString: strerror(errno)))", code: .input)
    }
}
