/// Names a job in the hands of a handler.
typealias Ticket = UInt64

/// Those who wait, in the order in which they came; any of them may leave.
struct TicketQueue {
    private var tickets: [Ticket] = []
    private var head = 0
    /// Of a process that died before it read its job: such a job was first and is first again.
    private var returned: [Ticket] = []
    private var present: Set<Ticket> = []

    var isEmpty: Bool { present.isEmpty }

    mutating func append(_ ticket: Ticket) {
        tickets.append(ticket)
        present.insert(ticket)
    }

    mutating func giveBack(_ ticket: Ticket) {
        returned.append(ticket)
        present.insert(ticket)
    }

    /// - Returns: whether it was here.
    mutating func remove(_ ticket: Ticket) -> Bool {
        present.remove(ticket) != nil
    }

    mutating func popFirst() -> Ticket? {
        while let ticket = returned.popLast() ?? next() {
            if present.remove(ticket) != nil { return ticket }
        }
        return nil
    }

    mutating func removeAll() -> [Ticket] {
        defer { self = TicketQueue() }
        return Array(sequence(state: self) { $0.popFirst() })
    }

    private mutating func next() -> Ticket? {
        guard head < tickets.count else { return nil }
        defer {
            head += 1
            if head == tickets.count || head > 1024 && head * 2 > tickets.count {
                tickets.removeFirst(head)
                head = 0
            }
        }
        return tickets[head]
    }
}
