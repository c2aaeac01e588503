internal import CLinux
internal import Glibc

/// A file descriptor with one owner, closed when that lets go of it.
struct Descriptor: ~Copyable {
    let raw: Int32

    init(owning raw: Int32) {
        self.raw = raw
    }

    deinit {
        _ = close(raw)
    }

    /// Makes reads and writes return instead of wait. This end's open file only: the other end of a pipe is unchanged.
    borrowing func makeNonBlocking() throws(SystemError) {
        let flags = fcntl(raw, F_GETFL)
        guard flags >= 0, fcntl(raw, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw SystemError("making a pipe non-blocking")
        }
    }
}

/// Both ends of a pipe. They are closed on exec, and never 0, 1 or 2, so that a child's can be put there in any order.
struct Pipe: ~Copyable {
    let reader: Descriptor
    let writer: Descriptor

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError("making a pipe") }
        var reader = Descriptor(owning: ends[0])
        var writer = Descriptor(owning: ends[1])
        // A host that closed its standard streams gets their numbers back from pipe2.
        if reader.raw <= 2 { reader = try Self.aboveStandardStreams(reader) }
        if writer.raw <= 2 { writer = try Self.aboveStandardStreams(writer) }
        self.reader = reader
        self.writer = writer
    }

    /// The end to keep; the other one is closed.
    consuming func takeReader() -> Descriptor { reader }
    consuming func takeWriter() -> Descriptor { writer }

    private static func aboveStandardStreams(_ descriptor: borrowing Descriptor) throws(SystemError) -> Descriptor {
        let raw = fcntl(descriptor.raw, F_DUPFD_CLOEXEC, 3)
        guard raw >= 0 else { throw SystemError("moving a pipe") }
        return Descriptor(owning: raw)
    }
}
