import RdKafka

@testable import Kokanee

/// A promise that a history broke.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Why a record may be run once more than it should.
enum Cause: Int, CaseIterable {
    /// Its worker died with it running, or finished and not committed.
    case crash
    /// Its worker was silent for the session timeout, and the group went on.
    case silence
    /// It ran when its partition was handed back, and did not come back with it.
    case handedBack
    /// It was finished when its partition was handed back, and the last commit was refused, unanswered, or under way.
    case lastCommit
    /// The commit's map was too large for its metadata.
    case metadataCut
    /// The group's coordinator did not tell what had been committed.
    case offsetsUnknown
}

/// One unit of work as its producer sees it, however many records it becomes.
final class ModelJob {
    let number: Int
    let id: String
    let key: UInt64?
    /// No worker can read it, or has a handler for it.
    let isBad: Bool
    /// Its handler fails however often it is tried.
    let neverSucceeds: Bool
    let expires: Bool
    /// When a worker first let it wait for another build.
    var refusedAt: Int64?
    /// The key of its effect.
    let once: String?
    let keepsCheckpoints: Bool
    /// The tick of a schedule that it is for.
    let tick: ModelTick?
    /// How far it had come, as a handler was told that it is kept.
    var kept = 0
    var skipped = 0
    var completed = 0
    var discarded = 0
    var dead = 0
    var hasEnded: Bool { completed + discarded + dead + skipped > 0 }

    /// Records that retention took unfinished.
    var lost = 0

    init(
        number: Int,
        key: UInt64?,
        once: String?,
        keepsCheckpoints: Bool,
        isBad: Bool,
        neverSucceeds: Bool,
        expires: Bool,
        id: String? = nil,
        tick: ModelTick? = nil
    ) {
        self.number = number
        self.once = once
        self.keepsCheckpoints = keepsCheckpoints
        self.id = id ?? "job-\(number)"
        self.tick = tick
        self.key = key
        self.isBad = isBad
        self.neverSucceeds = neverSucceeds
        self.expires = expires
    }
}

/// A record in a log, with what is true of it, whatever any worker believes.
final class ModelRecord: CustomStringConvertible {
    let place: Place
    let timestamp: Int64
    let headers: [Header]
    let bytes: Int
    let job: ModelJob
    /// The attempt that it is for.
    let attempt: Int
    /// By the cluster's clock; 0 where it may start at once.
    let dueAt: Int64

    /// Completed, discarded, or in another topic.
    var isFinished = false
    /// Retention took it.
    var isCut = false
    var starts = 0
    var mayRunAgain: Cause?
    /// It stands on a rung, or once more in the main topic.
    var hasMovedOn = false
    /// The job came to its end here, and its schedule has to be told.
    var isEndOfTick = false
    /// A commit's map had it, and its metadata had no room for it.
    var wasCutFromMap = false

    init(place: Place, timestamp: Int64, headers: [Header], bytes: Int, job: ModelJob, attempt: Int, dueAt: Int64) {
        self.place = place
        self.timestamp = timestamp
        self.headers = headers
        self.bytes = bytes
        self.job = job
        self.attempt = attempt
        self.dueAt = dueAt
    }

    var description: String { "\(job.id) at \(place)" }
}

/// Where a record stands. Topic 0 is the main topic, then come the rungs, and the dead letters last.
struct Place: CustomStringConvertible {
    let topic: Int
    let partition: Int
    let offset: Int64

    var description: String { "\(topic)/\(partition)/\(offset)" }
}

/// One assignment of one partition to one worker.
final class Epoch {
    /// The partition's id, which is the same in all workers.
    let id: Int
    /// What the group had committed when it began.
    let committed: Committed?
    /// The coordinator did not tell, so that the worker does not know the map.
    let missesMap: Bool
    var started: [ModelRecord] = []
    var finished: [ModelRecord] = []
    /// What its last commit said, sent or not, answered or not.
    var lastClaim: (offset: Int64, completed: CompletionMap)?
    /// Another worker has begun one of the same partition, and this one's has not heard of it.
    var isOvertaken = false

    init(id: Int, committed: Committed?, missesMap: Bool) {
        self.id = id
        self.committed = committed
        self.missesMap = missesMap
    }

    func note(_ record: ModelRecord) { finished.append(record) }

    func claims(_ offset: Int64) -> Bool {
        if let lastClaim, offset < lastClaim.offset || lastClaim.completed.contains(offset) { return true }
        return committed?.covers(offset) ?? false
    }
}

/// What the group's coordinator has of a partition.
struct Committed {
    var offset: Int64
    var metadata: String
    /// The map as it can be read back from the metadata.
    var completed: CompletionMap

    func covers(_ place: Int64) -> Bool { place < offset || completed.contains(place) }
}
