public import Foundation
internal import Glibc
internal import RdKafka

extension Process {
    /// Starts the process with no signals blocked.
    ///
    /// A child inherits the signal mask of the thread that starts it, and those of Swift's pool block nearly all of
    /// them: it could then not be ended in good order. Blocks for as long as the start takes.
    public func runUnblocked() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try DescriptorInheritance.withoutChildren { try run() }
    }
}
