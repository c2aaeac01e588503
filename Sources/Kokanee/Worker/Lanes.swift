/// Lets at most one job of a lane run at a time, the others waiting in the order in which they came.
///
/// Jobs are named by small integers of the caller's (their places in its table), which are free again after
/// ``finish(_:in:)`` or ``remove(_:from:)``.
struct Lanes {
    /// One ordering key's lane. Keys are told apart by their hash: two that share one share a lane, which costs them
    /// time and no promise.
    struct ID: Hashable {
        var queue: Int32
        var partition: Int32
        var key: UInt64
    }

    private struct Lane {
        /// Runs, or may run.
        var holder: Int32
        var last: Int32
    }

    private static let none: Int32 = -1
    private var lanes: [ID: Lane] = [:]
    /// By job: the one behind it in its lane.
    private var next: [Int32] = []

    /// Lanes that hold a job.
    var count: Int { lanes.count }

    /// The job that runs, or may run; nil where the lane is empty.
    func holder(of id: ID) -> Int? {
        lanes[id].map { Int($0.holder) }
    }

    /// Puts a job at the lane's end. True if it may run now.
    mutating func enter(_ job: Int, _ id: ID) -> Bool {
        if next.count <= job { next.append(contentsOf: repeatElement(Self.none, count: job + 1 - next.count)) }
        let job = Int32(job)
        next[Int(job)] = Self.none
        guard let index = lanes.index(forKey: id) else {
            lanes[id] = Lane(holder: job, last: job)
            return true
        }
        next[Int(lanes.values[index].last)] = job
        lanes.values[index].last = job
        return false
    }

    /// The holder is done with the lane; returns the job that may run now.
    mutating func finish(_ job: Int, in id: ID) -> Int? {
        guard let index = lanes.index(forKey: id), lanes.values[index].holder == Int32(job) else { return nil }
        let following = next[job]
        guard following != Self.none else {
            lanes.remove(at: index)
            return nil
        }
        lanes.values[index].holder = following
        return Int(following)
    }

    /// Takes every waiting job out of the lane for which `shouldLeave` is true; the holder stays.
    mutating func removeWaiting(in id: ID, where shouldLeave: (Int) -> Bool) {
        guard let index = lanes.index(forKey: id) else { return }
        var last = lanes.values[index].holder
        var candidate = next[Int(last)]
        while candidate != Self.none {
            let following = next[Int(candidate)]
            if !shouldLeave(Int(candidate)) {
                next[Int(last)] = candidate
                last = candidate
            }
            candidate = following
        }
        next[Int(last)] = Self.none
        lanes.values[index].last = last
    }
}
