@testable import Kokanee

/// The group's coordinator: members, generations, assignments, commits; Kafka's eager protocol.
struct ModelGroup {
    enum Refusal {
        case illegalGeneration, unknownMember, rebalanceInProgress, metadataTooLarge
    }

    struct Member {
        let id: Int
        var heardAt: Int64
        /// It has joined the generation to come.
        var hasJoined: Bool
        /// What it has been given and has not asked for yet.
        var assignment: [Int]?
    }

    /// How long a rebalance waits for a member that lives and does not join.
    private static let rebalanceTimeout: Int64 = 60_000

    private(set) var generation = 0
    /// In the order in which they came, which is the order of the assignment.
    private(set) var members: [Member] = []
    /// While the members are to join.
    private(set) var rebalanceSince: Int64?
    private var nextMember = 1
    let partitions: Int
    let sessionTimeout: Int64

    init(partitions: Int, sessionTimeout: Int64) {
        self.partitions = partitions
        self.sessionTimeout = sessionTimeout
    }

    func index(of member: Int?) -> Int? { members.firstIndex { $0.id == member } }

    /// A member joins, or joins again; a stranger is given a name.
    mutating func join(_ member: Int?, now: Int64) -> Int {
        if rebalanceSince == nil { beginRebalance(now) }
        if let index = index(of: member) {
            members[index].hasJoined = true
            members[index].heardAt = now
            return members[index].id
        }
        members.append(Member(id: nextMember, heardAt: now, hasJoined: true, assignment: nil))
        nextMember += 1
        return nextMember - 1
    }

    mutating func leave(_ member: Int, now: Int64) {
        guard let index = index(of: member) else { return }
        members.remove(at: index)
        if rebalanceSince == nil { beginRebalance(now) }
    }

    mutating func hear(from member: Int?, now: Int64) {
        if let index = index(of: member) { members[index].heardAt = now }
    }

    /// What a member that asks is given: the numbers of the partitions that it owns, in all topics.
    mutating func sync(_ member: Int) -> [Int]? {
        guard rebalanceSince == nil, let index = index(of: member) else { return nil }
        defer { members[index].assignment = nil }
        return members[index].assignment
    }

    func mustJoin(_ member: Int) -> Bool {
        guard rebalanceSince != nil, let index = index(of: member) else { return false }
        return !members[index].hasJoined
    }

    /// Lets go of whom it has not heard, and ends a rebalance for which all have come.
    mutating func tick(now: Int64) {
        let before = members.count
        members.removeAll { now - $0.heardAt > sessionTimeout }
        if members.count != before, rebalanceSince == nil { beginRebalance(now) }
        guard let since = rebalanceSince else { return }
        if now - since > Self.rebalanceTimeout { members.removeAll { !$0.hasJoined } }
        guard members.allSatisfy(\.hasJoined) else { return }
        rebalanceSince = nil
        guard !members.isEmpty else { return }
        generation += 1
        // Range: partition i of every topic has the same owner.
        for index in members.indices {
            let first = index * partitions / members.count
            let next = (index + 1) * partitions / members.count
            members[index].assignment = Array(first..<next)
        }
    }

    /// Why a commit is refused; nil if it is not.
    func refusal(of member: Int?, generation: Int) -> Refusal? {
        guard index(of: member) != nil else { return .unknownMember }
        return generation == self.generation ? nil : .illegalGeneration
    }

    private mutating func beginRebalance(_ now: Int64) {
        rebalanceSince = now
        for index in members.indices {
            members[index].hasJoined = false
            members[index].assignment = nil
        }
    }
}
