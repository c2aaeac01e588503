internal import RdKafka
internal import Synchronization

/// What one attempt is to leave in its queue's state, and what else it has said, gathered while it runs.
final class AttemptNotes: Sendable {
    struct State: Sendable {
        /// The job's record as this attempt wrote it last, or as it found it; nil before it has looked.
        var record: JobRecord?
        /// Whether the state topic may have a record of the job.
        var mayHaveRecord = false
        /// Whether the attempt has been decided about: nothing of it is written any more but what follows from that.
        var isOver = false
    }

    struct Contents: Sendable {
        /// The attempt may run until then, whatever its queue's timeout says; on the worker's monotonic clock.
        var deadline: ContinuousClock.Instant?
        /// When it last said that it goes on.
        var spokeAt: ContinuousClock.Instant?
        /// What the job is to leave for who enqueued it, once it completes.
        var result: JobRecord.Blob?
        /// How far it says it is.
        var progress = ReportedProgress()
        /// A checkpoint that is to be saved, and the task that saves it, and those that come meanwhile.
        var checkpoint: Bytes?
        var saver: Task<Void, Never>?
        /// Why the job can't be believed to have left what it wanted to.
        var failure: JobError?
        /// Called once, when the attempt had better come to an end.
        var whenStopping: (@Sendable () -> Void)?
    }

    let state = Mutex(State())
    /// Records of the job that the producer has, and of which no broker has told yet.
    let unsettled = Atomic(0)
    let contents = Mutex(Contents())
    /// What it produces with its completion.
    let outputs = Mutex<[JobOutput]>([])
}

extension AttemptNotes {
    /// Takes in no more, and waits for what is on its way: who writes by another producer would be overtaken by it.
    ///
    /// - Throws: `CancellationError`.
    func close() async throws {
        state.withLock { $0.isOver = true }
        // Brokers take a moment, and mostly there is nothing.
        while unsettled.load(ordering: .acquiring) > 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
}

extension JobContent {
    /// The attempt's notes, made for the first who asks.
    var attemptNotes: AttemptNotes {
        notes.withLock { notes in
            if let notes { return notes }
            let made = AttemptNotes()
            notes = made
            hasNotes.store(true, ordering: .releasing)
            return made
        }
    }

    /// Nil where nobody has asked for them.
    var writtenNotes: AttemptNotes? {
        hasNotes.load(ordering: .acquiring) ? notes.withLock { $0 } : nil
    }

    /// Until when the attempt may run beyond its queue's timeout.
    var extendedDeadline: ContinuousClock.Instant? {
        writtenNotes?.contents.withLock { $0.deadline }
    }

    /// The number of the partition that the job has in all topics of its queue.
    var partition: Int32 { message.source.topicPartition.partition }

    /// Where the job stood before its first hop.
    var firstPlace: Envelope.Origin { origin ?? place }
}
