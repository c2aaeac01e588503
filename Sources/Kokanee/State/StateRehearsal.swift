package import RdKafka
internal import Synchronization

/// Restores state with no worker around it, for `kokanee bench`: the same code, under a stopwatch.
package enum StateRehearsal {
    /// A mark as workers leave it, of a key that belongs to `number`.
    package static func mark(_ number: Int, of queue: Queue, partition: Int32, now: Int64) -> ProducerRecord {
        let job = UUIDv7.text(of: number)
        let of = "\(queue.mainTopic)/\(partition)/\(number)"
        let mark = MarkBook.Mark(kind: .done, until: now + 86_400_000, of: 0)
        let record = MarkRecord(mark: mark, of: of, at: now, job: job)
        return StateRecord(key: MarkRecord.key(.idempotency, "order-\(job)"), value: record.value)
            .record(topic: queue.stateTopic, partition: partition)
    }

    /// Restores all of a queue's partitions.
    ///
    /// - Returns: the number of marks, once all are known.
    package static func restore(_ queue: Queue, partitions: Int32, client: ClientConfiguration) async throws -> Int {
        let engine = Engine(
            configuration: WorkerConfiguration(),
            producer: try Producer(client),
            logger: .disabled
        )
        let state = QueueState(queue: queue)
        state.attach(StateLink(engine: engine, client: client, queue: 0))
        state.begin(Set(0..<partitions), now: Timestamp.now)
        state.want()
        while state.shared.withLock({ !$0.table.unrestored.isEmpty }) {
            try await Task.sleep(for: .milliseconds(1))
        }
        let marks = state.shared.withLock { $0.table.partitions.values.reduce(0) { $0 + $1.books.marks.count } }
        state.detach()
        return marks
    }
}

extension UUIDv7 {
    /// One that is made of a number, the same each time.
    fileprivate static func text(of number: Int) -> String {
        var generator = NumberGenerator(state: UInt64(number))
        return UUIDv7(at: 1_700_000_000_000 + Int64(number), using: &generator).text
    }

    private struct NumberGenerator: RandomNumberGenerator {
        var state: UInt64

        // SplitMix64 (Steele, Lea, Flood 2014).
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
