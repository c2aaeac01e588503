/// Lets at most one job of a lane run at a time, the others waiting in the order in which they came.
///
/// Jobs are named by small integers of the caller's (their places in its table), which are free again after
/// ``finish(_:in:)`` or ``removeWaiting(in:where:)``.
struct Lanes {
    /// One ordering key's lane. Keys are told apart by their hash: two that share one share a lane, which costs them
    /// time and no promise.
    struct ID: Hashable {
        var queue: Int32
        var partition: Int32
        var key: UInt64
    }

    private struct Lane {
        var id: ID
        /// Runs, or may run; ``none`` in a slot that is empty.
        var holder: Int32
        var last: Int32
        /// Jobs in it, the holder among them.
        var length: Int32
    }

    private static let none: Int32 = -1
    private static let empty = Lane(id: ID(queue: 0, partition: 0, key: 0), holder: none, last: none, length: 0)
    /// A hash table with linear probing, at least half of it empty: each job visits it two or three times, and its keys
    /// are hashes already.
    private var slots = [Lane](repeating: Lanes.empty, count: 64)
    /// Lanes that hold a job.
    private(set) var count = 0
    /// By job: the one behind it in its lane.
    private var next: [Int32] = []

    /// The job that runs, or may run; nil where the lane is empty.
    func holder(of id: ID) -> Int? {
        find(id).map { Int(slots[$0].holder) }
    }

    /// The job behind another one of its lane.
    func follower(of job: Int) -> Int? {
        next[job] == Self.none ? nil : Int(next[job])
    }

    /// The lane is about to be entered, or left.
    func willChange(_ id: ID) {
        slots.willChange(home(of: id))
    }

    /// Puts a job at the lane's end. True if it may run now.
    mutating func enter(_ job: Int, _ id: ID) -> Bool {
        if next.count <= job { next.append(contentsOf: repeatElement(Self.none, count: job + 1 - next.count)) }
        let job = Int32(job)
        next[Int(job)] = Self.none
        var index = home(of: id)
        while slots[index].holder != Self.none {
            guard slots[index].id != id else {
                next[Int(slots[index].last)] = job
                slots[index].last = job
                slots[index].length += 1
                return false
            }
            index = (index + 1) & (slots.count - 1)
        }
        slots[index] = Lane(id: id, holder: job, last: job, length: 1)
        count += 1
        if count * 2 > slots.count { grow() }
        return true
    }

    /// The holder is done with the lane; returns the job that may run now, and how many wait behind it.
    mutating func finish(_ job: Int, in id: ID) -> (job: Int, behind: Int)? {
        guard let index = find(id), slots[index].holder == Int32(job) else { return nil }
        let following = next[job]
        guard following != Self.none else {
            vacate(index)
            return nil
        }
        slots[index].holder = following
        slots[index].length -= 1
        return (Int(following), Int(slots[index].length) - 1)
    }

    /// Takes every waiting job out of the lane for which `shouldLeave` is true; the holder stays.
    mutating func removeWaiting(in id: ID, where shouldLeave: (Int) -> Bool) {
        guard let index = find(id) else { return }
        var last = slots[index].holder
        var candidate = next[Int(last)]
        while candidate != Self.none {
            let following = next[Int(candidate)]
            if shouldLeave(Int(candidate)) {
                slots[index].length -= 1
            } else {
                next[Int(last)] = candidate
                last = candidate
            }
            candidate = following
        }
        next[Int(last)] = Self.none
        slots[index].last = last
    }

    // MARK: - The table

    /// Where a lane stands if no other stands there.
    private func home(of id: ID) -> Int {
        let place = UInt64(UInt32(bitPattern: id.queue)) << 32 | UInt64(UInt32(bitPattern: id.partition))
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the upper bits of the product depend on all of both.
        let mixed = (id.key ^ place &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
        return Int(truncatingIfNeeded: mixed >> 32) & (slots.count - 1)
    }

    private func find(_ id: ID) -> Int? {
        var index = home(of: id)
        while slots[index].holder != Self.none {
            if slots[index].id == id { return index }
            index = (index + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Empties a slot, and moves up those behind it that would not be found any more.
    private mutating func vacate(_ index: Int) {
        let mask = slots.count - 1
        var hole = index
        var candidate = (hole + 1) & mask
        while slots[candidate].holder != Self.none {
            // It may move if its home does not lie behind the hole.
            if (candidate - home(of: slots[candidate].id)) & mask >= (candidate - hole) & mask {
                slots[hole] = slots[candidate]
                hole = candidate
            }
            candidate = (candidate + 1) & mask
        }
        slots[hole] = Self.empty
        count -= 1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Self.empty, count: old.count * 2)
        for lane in old where lane.holder != Self.none {
            var index = home(of: lane.id)
            while slots[index].holder != Self.none { index = (index + 1) & (slots.count - 1) }
            slots[index] = lane
        }
    }
}
