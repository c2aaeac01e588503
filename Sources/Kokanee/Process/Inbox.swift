internal import Glibc

/// Commands from any thread to the one that polls ``wakeDescriptor``.
///
/// The reader is woken only where it has said that it falls asleep: commands that come while it works, or rests for a
/// moment, cost no system call.
final class Inbox<Command: Sendable>: Sendable {
    private struct State {
        var commands: [Command] = []
        var isEnded = false
        var isReaderAsleep = false
    }

    private let state = BargingLock(State())
    private let pipe: Pipe

    init() throws(SystemError) {
        pipe = try Pipe()
        try pipe.reader.makeNonBlocking()
        try pipe.writer.makeNonBlocking()
    }

    /// Readable soon after a command has come to a reader that sleeps.
    var wakeDescriptor: Int32 { pipe.reader.raw }

    /// - Returns: false where the reader has ended; the command is not taken then.
    func send(_ command: Command) -> Bool {
        let (isTaken, wakes) = state.withLock { state in
            guard !state.isEnded else { return (false, false) }
            state.commands.append(command)
            defer { state.isReaderAsleep = false }
            return (true, state.isReaderAsleep)
        }
        // Once for each time that the reader falls asleep: the pipe holds few bytes, so the write never waits.
        if wakes {
            var byte: UInt8 = 0
            _ = write(pipe.writer.raw, &byte, 1)
        }
        return isTaken
    }

    /// The reader is about to poll ``wakeDescriptor``.
    ///
    /// - Returns: false where there are commands to be taken first.
    func fallAsleep() -> Bool {
        state.withLock { state in
            state.isReaderAsleep = state.commands.isEmpty
            return state.isReaderAsleep
        }
    }

    /// The descriptor was readable: a byte that is left there would end the next sleep at once.
    func drainWakeups() {
        var bytes: (UInt64, UInt64) = (0, 0)
        _ = read(pipe.reader.raw, &bytes, MemoryLayout.size(ofValue: bytes))
    }

    /// - Parameter buffer: gets the commands; its room is the box's from then on, so that none is allocated each time.
    func take(into buffer: inout [Command]) {
        buffer.removeAll(keepingCapacity: true)
        state.withLock { state in
            state.isReaderAsleep = false
            swap(&state.commands, &buffer)
        }
    }

    /// Takes what is left, and nothing from then on.
    func end() -> [Command] {
        state.withLock { state in
            state.isEnded = true
            defer { state.commands = [] }
            return state.commands
        }
    }
}
