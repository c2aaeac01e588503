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

    var description: String { "\(operation): \(String(cString: strerror(code)))" }
}
