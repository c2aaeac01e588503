internal import Synchronization

/// What a reader and its thread have in common.
final class ReaderState: Sendable {
    let wakeup: Wakeup
    private let stopped = Atomic(false)

    init(wakeup: Wakeup) {
        self.wakeup = wakeup
    }

    var isStopped: Bool { stopped.load(ordering: .acquiring) }

    func stop() {
        stopped.store(true, ordering: .releasing)
        wakeup.wake()
    }
}

extension ClientConfiguration {
    /// For who reads partitions to their ends, as no member of any group.
    ///
    /// - Parameters:
    ///   - defaults: beside what all such readers have.
    ///   - required: set whatever it says, beside what all such readers have.
    func forReading(
        _ isolation: IsolationLevel,
        defaults: [String: String],
        required: [String: String] = [:]
    ) -> ClientConfiguration {
        let common = [
            "isolation.level": isolation.rawValue,
            "enable.partition.eof": "true",
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": "false",
        ]
        // Past this many messages a fetch waits for up to a second: the bound is that of bytes.
        var configuration = with(
            defaults: defaults.merging(["queued.min.messages": "1000000"]) { own, _ in own },
            required: common.merging(required) { _, own in own }
        )
        configuration.properties["group.id"] = nil
        configuration.properties["group.instance.id"] = nil
        // A follower may not have seen a partition's end yet; the leader has.
        configuration.properties["client.rack"] = nil
        return configuration
    }
}
