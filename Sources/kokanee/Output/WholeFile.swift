internal import Glibc
internal import Kokanee
internal import Synchronization

/// Where a result goes: stdout, or a file that is there whole or not at all.
///
/// A file is written beside its name and renamed when it is whole. What is no regular file, such as a pipe, is written to.
final class WholeFile: Sendable {
    private struct State {
        /// Of the file under its other name; -1 once that is renamed or removed.
        var descriptor: Int32
        var buffer: [UInt8] = []
    }

    private static let bufferSize = 1 << 16

    private let path: String
    /// The name while it is not whole; nil where it is written to as it is.
    private let partial: String?
    private let state: Mutex<State>

    /// - Throws: ``Failure`` where the file can't be made.
    init(path: String) throws {
        var path = path
        var status = stat()
        let exists = stat(path, &status) == 0
        // A link goes on to lead to the file, instead of becoming it.
        if exists, let target = realpath(path, nil) {
            path = String(cString: target)
            free(target)
        }
        let isRegular = !exists || status.st_mode & S_IFMT == S_IFREG
        self.path = path
        let partial = isRegular ? "\(path).\(getpid()).partial" : nil
        self.partial = partial
        let flags = isRegular ? O_WRONLY | O_CREAT | O_TRUNC : O_WRONLY
        let descriptor = open(partial ?? path, flags | O_CLOEXEC, 0o666)
        state = Mutex(State(descriptor: descriptor))
        guard descriptor >= 0 else { throw Self.failure("can't write \(partial ?? path)") }
        // Who may read the file that it replaces may read it.
        if exists, partial != nil { fchmod(descriptor, status.st_mode & 0o7777) }
    }

    deinit {
        discard()
    }

    /// Adds a line.
    func write(_ line: [UInt8]) throws {
        try state.withLock { state in
            state.buffer += line
            state.buffer.append(UInt8(ascii: "\n"))
            if state.buffer.count >= Self.bufferSize { try flush(&state) }
        }
    }

    /// Gives the whole file its name.
    func finish() throws {
        try state.withLock { state in
            try flush(&state)
            if let partial {
                // Else a crash of the machine could leave the name without the contents.
                guard fsync(state.descriptor) == 0 else { throw Self.failure("can't write \(partial)") }
                guard rename(partial, path) == 0 else { throw Self.failure("can't rename \(partial) to \(path)") }
            }
            close(state.descriptor)
            state.descriptor = -1
        }
    }

    /// Removes what is not whole.
    func discard() {
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            close(state.descriptor)
            state.descriptor = -1
            if let partial { unlink(partial) }
        }
    }

    /// A pipe's reader that is gone is an error here: who names a file wants all of it.
    private func flush(_ state: inout State) throws {
        guard state.descriptor >= 0 else { throw CancellationError() }
        var written = 0
        while written < state.buffer.count {
            let count = state.buffer.withUnsafeBytes { buffer in
                Glibc.write(state.descriptor, buffer.baseAddress! + written, buffer.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                throw Self.failure("can't write \(partial ?? path)")
            }
        }
        state.buffer.removeAll(keepingCapacity: true)
    }

    private static func failure(_ what: String) -> Failure {
        Failure("\(what): \(String(cString: strerror(errno)))")
    }
}
