internal import Glibc

/// Where bytes for people or programs go: a file descriptor, or a closure in tests.
struct TextSink: Sendable {
    /// The reader is gone (`| head`): there is nobody to tell more, and nothing went wrong.
    struct ReaderGone: Error {}

    let isTerminal: Bool
    private let writeAll: @Sendable ([UInt8]) throws -> Void

    init(isTerminal: Bool = false, write: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.isTerminal = isTerminal
        writeAll = write
    }

    /// Writes through, without a buffer: what a program waits for in a pipe is there at once.
    ///
    /// SIGPIPE must be ignored, so that a closed pipe is an error here.
    init(fileDescriptor: Int32) {
        self.init(isTerminal: isatty(fileDescriptor) == 1) { bytes in
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    Glibc.write(fileDescriptor, buffer.baseAddress! + written, buffer.count - written)
                }
                if count >= 0 {
                    written += count
                } else if errno == EPIPE {
                    throw ReaderGone()
                } else if errno == EAGAIN {
                    // Somebody who shares the descriptor made it non-blocking.
                    var ready = pollfd(fd: fileDescriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&ready, 1, -1)
                } else if errno != EINTR {
                    throw Failure("can't write the output: \(String(cString: strerror(errno)))")
                }
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        try writeAll(bytes)
    }
}
