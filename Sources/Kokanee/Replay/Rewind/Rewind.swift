internal import RdKafka

/// A command to the owners of a group's main partitions to go back, or on, to given offsets while they work.
///
/// It stands in `kokanee.control` under one key a queue and group, and every owner obeys it once a partition: it ends
/// the partition's epoch, reads from the target on, and commits the target with the command's id beside it
/// (``CommitMetadata/rewind``). Offset and id are one commit, and each later commit repeats the id, so that whoever owns
/// the partition next can tell whether the command was obeyed there, whatever has crashed in between.
///
/// ## When it does not count
/// A command may outlive what it was meant for: the fleet is down, the operator has lost patience and reset the offsets
/// by other means. It is *void* for a partition
/// - once its entry says that it is done or withdrawn: the command line does so when all owners have answered, and a
///   reset by ``RecordedReset`` takes away the targets of the partitions that it moves;
/// - where the group's commit, at the assignment, is not one of a worker (no metadata of ours), and not the one that was
///   there when the command was given: somebody has reset the offset since;
/// - where the group had an offset then and has none at the assignment: it is another group of the same name;
/// - ``lifetime`` after it was written.
///
/// An owner that finds it void commits its id all the same, so that nobody after it judges by the owner's own commits.
///
/// A worker of a release that knows no rewinds neither obeys nor repeats the id: as long as the command stands, every
/// change from such a worker to a newer one would apply it again.
struct Rewind: Sendable, Hashable, Codable {
    enum State: String, Sendable, Hashable, Codable {
        /// To be obeyed.
        case standing
        /// All partitions have seen it.
        case done
        /// It is not to be obeyed any more, where it has not been.
        case withdrawn
    }

    struct Target: Sendable, Hashable, Codable {
        var partition: Int32
        var offset: Int64
        /// What was committed when the command was given; nil for nothing.
        var old: Int64?
    }

    /// As long as Kafka keeps the offsets of a group without members, unless configured.
    static let lifetime: Int64 = 7 * 86_400_000

    /// Of the ``ReplayRecord`` that tells of it.
    var id: String
    var queue: String
    var group: String
    /// Milliseconds since the epoch.
    var at: Int64
    var by: String
    var state: State
    var targets: [Target]

    func target(_ partition: Int32) -> Target? { targets.first { $0.partition == partition } }

    static func key(queue: String, group: String) -> String { "rewind/\(queue)/\(group)" }
    var key: String { Self.key(queue: queue, group: group) }

    /// Nil for what is no rewind, or not the one that the key is of.
    init?(_ entry: ControlTopic.Entry) {
        guard let rewind = try? JSONCodec().decode(Rewind.self, from: Bytes(entry.value)), rewind.key == entry.key,
            ReplayID.isValid(rewind.id), rewind.targets.allSatisfy({ $0.offset >= 0 })
        else { return nil }
        self = rewind
    }

    init(
        id: String,
        queue: String,
        group: String,
        at: Int64,
        by: String,
        state: State = .standing,
        targets: [Target]
    ) {
        self.id = id
        self.queue = queue
        self.group = group
        self.at = at
        self.by = by
        self.state = state
        self.targets = targets
    }
}

extension Rewind {
    enum Verdict: Hashable {
        /// The partition has nothing to do with it.
        case notMeant
        /// The partition's commits name it already.
        case settled
        /// Read from this offset on.
        case apply(Int64)
        /// It does not count for the partition, and why.
        case void(String)
    }

    /// What a partition's owner is to do.
    ///
    /// - Parameters:
    ///   - committed: what the group had committed when the partition was assigned; nil for nothing.
    ///   - writtenAt: when the command was written, by the broker's clock where it keeps times.
    ///   - now: milliseconds since the epoch.
    func verdict(of partition: Int32, committed: CommittedOffset?, writtenAt: Int64, now: Int64) -> Verdict {
        guard state == .standing, let target = target(partition) else { return .notMeant }
        let metadata = committed.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
        if metadata?.rewind == id { return .settled }
        guard now - writtenAt <= Self.lifetime else { return .void("it is older than 7 days") }
        switch (committed, target.old) {
        case (nil, nil): return .apply(target.offset)
        case (nil, .some): return .void("the group has lost its offset since")
        case (let committed?, let old):
            guard metadata != nil || committed.offset == old else {
                return .void("the offset was reset by other means since")
            }
            return .apply(target.offset)
        }
    }
}
