internal import Synchronization

/// To be held while a child process is started, until it has run `exec`, in a process that also takes embedded
/// brokers down.
///
/// Between `fork` and `exec` the child has a copy of every descriptor. librdkafka takes a broker down by closing its
/// listening socket and binding another to the same port, and aborts the process if it can't: as long as a child
/// holds the first one it can't.
package enum DescriptorInheritance {
    private static let lock = Mutex(())

    package static func withoutChildren<R>(_ body: () throws -> R) rethrows -> R {
        try lock.withLock { _ in try body() }
    }
}
