/// Lets at most one job of a lane run at a time, the others waiting in the order in which they came.
///
/// Jobs are named by small integers of the caller's (their places in its table), which are free again after
/// ``finish(_:)`` or ``removeWaiting(in:where:)``.
struct Lanes {
    /// One ordering key's lane. Keys are told apart by their hash: two that share one share a lane, which costs them
    /// time and no promise.
    struct ID: Hashable {
        fileprivate let hash: UInt64

        init(queue: Int32, partition: Int32, key: UInt64) {
            let place = UInt64(UInt32(bitPattern: queue)) << 32 | UInt64(UInt32(bitPattern: partition))
            // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the upper bits of the product depend on all of both, and are put
            // into the lower ones. Of one key's hash, different places make different lanes.
            let mixed = (key ^ place &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
            hash = mixed ^ mixed >> 32
        }

        /// By which the table finds it; what is in it may be of another one that has the same.
        fileprivate var tag: UInt32 { UInt32(truncatingIfNeeded: hash) }
    }

    /// Of the table: the holder of a lane, and what says where it stands without looking at the holder.
    private struct Slot {
        var tag: UInt32
        /// Runs, or may run; ``none`` in a slot that is empty.
        var holder: Int32
    }

    /// A job in its lane, or on its way there.
    private struct Link {
        var id: ID
        /// The one behind it.
        var next: Int32
        /// Of the holder: the last of the lane, and how many are in it, the holder among them.
        var last: Int32
        var length: Int32
    }

    private static let none: Int32 = -1
    private static let empty = Slot(tag: 0, holder: none)
    /// A hash table with linear probing, at least half of it empty: each job visits it two or three times, and its keys
    /// are hashes already. It is as small as it can be, since these visits go anywhere in it.
    private var slots = [Slot](repeating: Lanes.empty, count: 64)
    /// By job.
    private var links: [Link] = []
    /// Lanes that hold a job.
    private(set) var count = 0

    /// The job that runs, or may run; nil where the lane is empty.
    func holder(of id: ID) -> Int? {
        find(id).map { Int(slots[$0].holder) }
    }

    /// As ``setLane(of:_:)`` said.
    func lane(of job: Int) -> ID { links[job].id }

    /// The job behind another one of its lane.
    func follower(of job: Int) -> Int? {
        links[job].next == Self.none ? nil : Int(links[job].next)
    }

    /// The lane is about to be entered.
    func willEnter(_ id: ID) {
        slots.willChange(home(of: id.tag))
    }

    /// The job is about to be looked at, or to be told its lane.
    func willChange(_ job: Int) {
        links.willChange(job)
    }

    /// The job, which is in a lane, is about to finish.
    func willFinish(_ job: Int) {
        slots.willChange(home(of: links[job].id.tag))
    }

    /// Says in which lane a job will be, once it enters.
    mutating func setLane(of job: Int, _ id: ID) {
        let link = Link(id: id, next: Self.none, last: Int32(job), length: 1)
        while links.count <= job { links.append(link) }
        links[job] = link
    }

    /// Puts a job at its lane's end. True if it may run now.
    mutating func enter(_ job: Int) -> Bool {
        let (place, id) = (Int32(job), links[job].id)
        var index = home(of: id.tag)
        while slots[index].holder != Self.none {
            if holds(index, id) {
                let holder = Int(slots[index].holder)
                links[Int(links[holder].last)].next = place
                links[holder].last = place
                links[holder].length += 1
                return false
            }
            index = (index + 1) & (slots.count - 1)
        }
        slots[index] = Slot(tag: id.tag, holder: place)
        count += 1
        if count * 2 > slots.count { grow() }
        return true
    }

    /// A job is done with its lane; returns the job that may run now, and how many wait behind it. Nil also where it held
    /// none: of jobs that are handed over together one may come to its end before the one before it is accounted for.
    mutating func finish(_ job: Int) -> (job: Int, behind: Int)? {
        guard job < links.count else { return nil }
        guard let index = find(holder: job) else {
            leave(job)
            return nil
        }
        let link = links[job]
        guard link.next != Self.none else {
            vacate(index)
            return nil
        }
        slots[index].holder = link.next
        let following = Int(link.next)
        links[following].last = link.last
        links[following].length = link.length - 1
        return (following, Int(link.length) - 2)
    }

    /// Takes a job out from among those behind the holder, where it is one of them.
    private mutating func leave(_ job: Int) {
        guard let holder = holder(of: links[job].id) else { return }
        var before = holder
        while links[before].next != Int32(job) {
            guard links[before].next != Self.none else { return }
            before = Int(links[before].next)
        }
        links[before].next = links[job].next
        if links[holder].last == Int32(job) { links[holder].last = Int32(before) }
        links[holder].length -= 1
    }

    /// Takes every waiting job out of the lane for which `shouldLeave` is true; the holder stays.
    mutating func removeWaiting(in id: ID, where shouldLeave: (Int) -> Bool) {
        guard let holder = holder(of: id) else { return }
        var last = holder
        var candidate = links[last].next
        while candidate != Self.none {
            let job = Int(candidate)
            candidate = links[job].next
            if shouldLeave(job) {
                links[holder].length -= 1
            } else {
                links[last].next = Int32(job)
                last = job
            }
        }
        links[last].next = Self.none
        links[holder].last = Int32(last)
    }

    // MARK: - The table

    /// Where a lane stands if no other stands there.
    private func home(of tag: UInt32) -> Int { Int(tag) & (slots.count - 1) }

    private func holds(_ index: Int, _ id: ID) -> Bool {
        slots[index].tag == id.tag && links[Int(slots[index].holder)].id == id
    }

    private func find(_ id: ID) -> Int? {
        var index = home(of: id.tag)
        while slots[index].holder != Self.none {
            if holds(index, id) { return index }
            index = (index + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The slot of the lane that a job holds: it names it, so that no other need be looked at.
    private func find(holder job: Int) -> Int? {
        var index = home(of: links[job].id.tag)
        while slots[index].holder != Self.none {
            if slots[index].holder == Int32(job) { return index }
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
            if (candidate - home(of: slots[candidate].tag)) & mask >= (candidate - hole) & mask {
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
        for slot in old where slot.holder != Self.none {
            var index = home(of: slot.tag)
            while slots[index].holder != Self.none { index = (index + 1) & (slots.count - 1) }
            slots[index] = slot
        }
    }
}
