internal import Glibc

/// A system call that failed.
struct SystemError: Error, Equatable, CustomStringConvertible {
    let code: Int32
    /// What was being done: `starting /bin/sh`.
    let operation: String

    init(_ operation: String, code: Int32 = errno) {
        self.code = code
        self.operation = operation
    }

    /// Whether the system, or this process, was short of something that it may have again soon.
    var isShortage: Bool { [EMFILE, ENFILE, EAGAIN, ENOMEM].contains(code) }

    var description: String { "\(operation): \(String(cString: strerror(code)))" }
}
