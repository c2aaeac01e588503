internal import Dispatch
internal import Glibc

/// A file can't be read; the words are the system's.
struct FileError: Error, CustomStringConvertible {
    let description: String

    fileprivate init(_ call: String, _ path: String) {
        description = "\(call) \(path): \(String(cString: strerror(errno)))"
    }
}

/// A file that is open for reading.
struct InputFile: ~Copyable {
    private let path: String
    private let descriptor: CInt

    /// - Throws: ``FileError``.
    init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Hands the next bytes to `body`, which is not called at the file's end.
    ///
    /// - Returns: how many there were; 0 at the end.
    mutating func read(atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
        try withUnsafeTemporaryAllocation(byteCount: limit, alignment: 16) { buffer in
            var count: Int
            repeat {
                count = Glibc.read(descriptor, buffer.baseAddress, limit)
            } while count < 0 && errno == EINTR
            guard count >= 0 else { throw FileError("read", path) }
            if count > 0 { try body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            return count
        }
    }
}

/// Runs what blocks, such as reading a file, beside Swift's own threads: those are as few as the processors, and
/// nothing else would run while they wait.
enum Blocking {
    private static let queue = DispatchQueue(label: "kokanee-demo.files", attributes: .concurrent)

    static func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
