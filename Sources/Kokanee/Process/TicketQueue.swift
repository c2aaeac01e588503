/// Names a job in the hands of a handler: a small number, used again after the job's end.
typealias Ticket = UInt64

/// Those who wait, in the order in which they came; any of them may leave.
///
/// A list through two arrays that are indexed by the tickets: each step costs the same, however many wait.
struct TicketQueue {
    private static let none = -1
    /// For tickets that are not here.
    private static let absent = -2

    private var next: [Int] = []
    private var previous: [Int] = []
    private var head = none
    private var tail = none

    var isEmpty: Bool { head == Self.none }
    var first: Ticket? { head == Self.none ? nil : Ticket(head) }

    mutating func append(_ ticket: Ticket) {
        let index = makeRoom(for: ticket)
        guard next[index] == Self.absent else { return }
        (previous[index], next[index]) = (tail, Self.none)
        if tail == Self.none { head = index } else { next[tail] = index }
        tail = index
    }

    /// Back to the front: it was first already.
    mutating func giveBack(_ ticket: Ticket) {
        let index = makeRoom(for: ticket)
        guard next[index] == Self.absent else { return }
        (previous[index], next[index]) = (Self.none, head)
        if head == Self.none { tail = index } else { previous[head] = index }
        head = index
    }

    /// - Returns: whether it was here.
    mutating func remove(_ ticket: Ticket) -> Bool {
        let index = Int(ticket)
        guard index < next.count, next[index] != Self.absent else { return false }
        let (before, after) = (previous[index], next[index])
        if before == Self.none { head = after } else { next[before] = after }
        if after == Self.none { tail = before } else { previous[after] = before }
        next[index] = Self.absent
        return true
    }

    mutating func popFirst() -> Ticket? {
        guard let first, remove(first) else { return nil }
        return first
    }

    mutating func removeAll() -> [Ticket] {
        defer { self = TicketQueue() }
        return Array(sequence(state: self) { $0.popFirst() })
    }

    private mutating func makeRoom(for ticket: Ticket) -> Int {
        let index = Int(ticket)
        while next.count <= index {
            next.append(Self.absent)
            previous.append(Self.none)
        }
        return index
    }
}
