internal import CRdKafka
internal import Glibc
internal import Synchronization

/// Ends a consumer's wait from any thread.
public final class Wakeup: Sendable {
    /// An eventfd; librdkafka writes to it as well when a queue stops being empty.
    let descriptor: Int32
    private let isPending = Atomic(false)

    /// - Throws: ``KafkaError`` where the process has no file descriptor left.
    public init() throws(KafkaError) {
        descriptor = crdkafka_eventfd()
        guard descriptor >= 0 else {
            throw KafkaError(
                code: .localInvalidArgument,
                operation: "making an eventfd",
                message: String(cString: strerror(errno))
            )
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Ends the wait that is going on, or the next one. Calls in between cost an atomic exchange.
    public func wake() {
        guard !isPending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the wait ends anyway.
        _ = Glibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Blocks the calling thread until woken, by `wake` or by librdkafka, or until `milliseconds` have passed.
    package func wait(milliseconds: Int32) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if Glibc.poll(&poll, 1, milliseconds) > 0 {
            var count: UInt64 = 0
            _ = Glibc.read(descriptor, &count, MemoryLayout<UInt64>.size)
        }
        // After the read. A wake before this one wrote, or found that it need not: then the caller sees what it was to be
        // woken for when it looks, because this exchange comes after the waker's. A later one writes.
        _ = isPending.exchange(false, ordering: .acquiringAndReleasing)
    }
}
