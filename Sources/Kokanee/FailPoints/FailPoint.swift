internal import RdKafka

/// A place between a record's reading and its commit where a test can kill the process, stop it, or fail the step.
///
/// In release builds passing one is nothing. In debug builds it costs an atomic load, unless a plan is armed:
/// ``FailPoints/arm(_:)``.
enum FailPoint: CaseIterable, Hashable, Sendable {
    /// A dispatcher's loop begins a turn.
    case dispatcherTurn
    /// A partition has brought a record; nothing is known of it yet.
    case recordRead
    /// A record has been decoded and what is to be done with it decided; it is not admitted.
    case recordDecoded
    /// The handler is about to be called.
    case attemptStarting
    /// The handler has returned or thrown; nothing is decided, and its lane is still taken.
    case attemptEnded
    /// What a job produced, and its completion, are about to be handed to a transaction.
    case outputsCommitting
    /// The transaction has been begun and has its records; it is not committed.
    case outputsProduced
    /// The transaction is committed; its jobs' offsets are not finished.
    case outputsCommitted
    /// A job is about to be handed to the producer for another topic.
    case hopProducing
    /// librdkafka has the hop's record; whether a broker has it nobody knows.
    case hopProduced
    /// The broker has the hop's record; its source offset is not finished. On the producer's thread.
    case hopAcknowledged
    /// A job is completed, discarded or hopped, and its offset finished; nothing is committed.
    case jobFinished
    /// Marks of what became of jobs are about to be handed to the producer; the commit that covers the jobs waits.
    case marksProducing
    /// librdkafka has the marks; whether a broker has them nobody knows.
    case marksProduced
    /// The broker has the marks, and the worker is about to learn of it. On the producer's thread.
    case marksAcknowledged
    /// What is finished has been taken for a commit, and its marks are written, or not waited for.
    case commitSending
    /// librdkafka has the commit; whether a broker has it nobody knows.
    case commitSent
    /// The broker has taken the commit, and the worker is about to learn of it.
    case commitAcknowledged
    /// The group has assigned partitions; their offsets are about to be read, or tried to be again.
    case partitionsAssigning
    /// The partitions are read from their offsets on; nothing is admitted.
    case partitionsAssigned
    /// The group wants partitions back; they are not drained.
    case partitionsRevoked
    /// What ran of the partitions has ended, or may not go on; the last commit is still to come.
    case partitionsDrained
    /// The group went on without this worker, whose epochs are over; nothing is fenced.
    case partitionsLost
    /// The last commit's answer is there; the group does not know that the worker leaves.
    case groupLeaving
}

extension FailPoint {
    /// Passes the place: where a plan says so the process is killed or stopped here, or the thread never returns.
    @inline(__always)
    func pass() {
        #if KOKANEE_FAIL_POINTS
            _ = FailPoints.reach(self)
        #endif
    }

    /// Passes the place; the error that the step has to fail with, where a plan says that it fails.
    ///
    /// - Parameter code: what the step's failure looks like in earnest.
    @inline(__always)
    func failure(_ code: KafkaError.Code = .localTimedOut) -> KafkaError? {
        #if KOKANEE_FAIL_POINTS
            guard FailPoints.reach(self) else { return nil }
            return KafkaError(code: code, operation: "passing fail point \(name)")
        #else
            return nil
        #endif
    }

    /// As ``failure(_:)``, thrown.
    @inline(__always)
    func check(_ code: KafkaError.Code = .localTimedOut) throws(KafkaError) {
        #if KOKANEE_FAIL_POINTS
            if let failure = failure(code) { throw failure }
        #endif
    }

    /// Passes the place where a step has succeeded: its result, or the failure that a plan makes of it.
    @inline(__always)
    func result<Success>(
        _ result: Result<Success, KafkaError>,
        failure code: KafkaError.Code
    ) -> Result<Success, KafkaError> {
        #if KOKANEE_FAIL_POINTS
            if case .success = result, let failure = failure(code) { return .failure(failure) }
        #endif
        return result
    }
}
