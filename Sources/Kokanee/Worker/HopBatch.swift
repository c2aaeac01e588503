internal import RdKafka

/// Hops that are handed to the producer together; what becomes of each is its own.
///
/// Each is let go when it has ended, with its job's record: one whose partition has no leader may wait for long, and must
/// not keep those in memory that were made with it.
///
/// `@unchecked Sendable`: a hop is read by who offers it to librdkafka, one thread at a time, and taken by the engine when
/// the producer tells of its end: it is offered no more then, and what the offers read was read before librdkafka had the
/// record to report of. Hops lie apart in memory, so that one may be taken while another is offered.
final class HopBatch: RecordSource, @unchecked Sendable {
    let count: Int
    private let hops: UnsafeMutablePointer<PendingHop?>

    init(_ hops: [PendingHop]) {
        count = hops.count
        self.hops = .allocate(capacity: hops.count)
        for (index, hop) in hops.enumerated() { (self.hops + index).initialize(to: hop) }
    }

    deinit {
        hops.deinitialize(count: count)
        hops.deallocate()
    }

    func topic(of index: Int) -> String { hops[index]?.record.topic ?? "" }

    func offer(_ index: Int, to sink: inout RecordSink) {
        guard let record = hops[index]?.record else { preconditionFailure("a hop is offered after its end") }
        record.offer(to: &sink)
        if sink.hasTaken { FailPoint.hopProduced.pass() }
    }

    /// Lets a hop go that has ended; nil where that was done before.
    func take(_ index: Int) -> PendingHop? {
        precondition(index >= 0 && index < count)
        return hops[index].take()
    }
}
