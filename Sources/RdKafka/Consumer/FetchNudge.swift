internal import CRdKafka
internal import Synchronization

/// Makes librdkafka look at its fetch queues when there is room in them again.
///
/// A broker's thread that finds the queues of all its partitions full looks at them again when something else happens on
/// it, or after a second; a consumer that reads faster than that stands still in between. `fetch.queue.backoff.ms` ends
/// that, from 2.2.0 on. Before that any answer of the broker's wakes the thread, and a question about a partition's end is
/// the cheapest to ask. It is asked on a thread of its own, because the call waits for the answer.
final class FetchNudge: Sendable {
    private struct State {
        var partitions: [TopicPartition] = []
        var hasEnded = false
        var isRunning = false
    }

    /// Whether this librdkafka needs it.
    static let isNeeded = rd_kafka_version() < 0x0202_0000
    private static let timeout: Int32 = 1000

    private let state = Mutex(State())
    private let wakeup: Wakeup

    init() throws(KafkaError) {
        wakeup = try Wakeup()
    }

    /// Asks about these partitions as soon as the last question is answered; returns at once.
    func nudge(_ partitions: [TopicPartition], _ handle: ClientHandle) {
        let mustStart = state.withLock { state in
            state.partitions = partitions
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart {
            OSThread.start(name: "rdk:nudge") { [self, handle] in
                while let partitions = next() { ask(partitions, handle) }
            }
        } else {
            wakeup.wake()
        }
    }

    func end() {
        state.withLock { $0.hasEnded = true }
        wakeup.wake()
    }

    private func next() -> [TopicPartition]? {
        while true {
            let (partitions, hasEnded) = state.withLock { state in
                defer { state.partitions = [] }
                return (state.partitions, state.hasEnded)
            }
            if hasEnded { return nil }
            if !partitions.isEmpty { return partitions }
            wakeup.wait(milliseconds: -1)
        }
    }

    private func ask(_ partitions: [TopicPartition], _ handle: ClientHandle) {
        let list = TopicPartitionList(capacity: partitions.count)
        for partition in partitions { list.add(partition, offset: Consumer.Edge.latest.rawValue) }
        // What the answer says, or that there is none, is of no interest.
        _ = rd_kafka_offsets_for_times(handle.pointer, list.pointer, Self.timeout)
    }
}
