internal import RdKafka

/// The jobs that a rehearsal has at hand, and which of them may run: decisions only.
///
/// The jobs of one key run one at a time, in the log's order, as a worker has them.
struct RehearsalState {
    /// What is held at once, so that the reader stops where the handlers are slower.
    struct Bounds {
        var jobs: Int
        var bytes = 32 << 20
    }

    private struct Place {
        var job: RehearsalJob
        var hasLane: Bool
    }

    private let bounds: Bounds
    private let order: WorkerConfiguration.Order
    private var places: [Place?] = []
    private var free: [Int] = []
    private var lanes = Lanes()
    private var ready = Fifo<Int>()
    private(set) var count = 0
    private var bytes = 0

    init(_ bounds: Bounds, order: WorkerConfiguration.Order) {
        self.bounds = bounds
        self.order = order
    }

    /// Whether no more is to be read now. A single job may be larger than all bounds.
    var isFull: Bool { count >= bounds.jobs || bytes >= bounds.bytes }

    var hasReady: Bool { !ready.isEmpty }

    mutating func admit(_ job: RehearsalJob) {
        let place = free.popLast() ?? places.count
        let lane = lane(of: job)
        if place == places.count { places.append(nil) }
        places[place] = Place(job: job, hasLane: lane != nil)
        count += 1
        bytes += job.size
        if let lane {
            lanes.setLane(of: place, lane)
            guard lanes.enter(place) else { return }
        }
        ready.append(place)
    }

    /// A job to run now. Its end is to be told to ``finish(_:)``.
    mutating func next() -> (place: Int, job: RehearsalJob)? {
        guard let place = ready.popFirst(), let job = places[place]?.job else { return nil }
        return (place, job)
    }

    mutating func finish(_ place: Int) {
        guard let ended = places[place] else { return }
        places[place] = nil
        free.append(place)
        count -= 1
        bytes -= ended.job.size
        if ended.hasLane, let next = lanes.finish(place) { ready.append(next.job) }
    }

    private func lane(of job: RehearsalJob) -> Lanes.ID? {
        let key: UInt64
        switch order.kind {
        case .unordered: return nil
        case .partition: key = 0
        case .key:
            guard let bytes = job.key else { return nil }
            key = bytes.withUnsafeBytes(KeyHash.hash)
        }
        return Lanes.ID(queue: 0, partition: job.place.partition, key: key)
    }
}
