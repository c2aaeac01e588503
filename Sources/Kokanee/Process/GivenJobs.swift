/// The jobs that a process has been given and has not answered, oldest first. The oldest is in its hands.
struct GivenJobs {
    private var tickets: [Ticket] = []
    private var head = 0

    var count: Int { tickets.count - head }
    var isEmpty: Bool { head == tickets.count }
    var first: Ticket? { isEmpty ? nil : tickets[head] }

    mutating func append(_ ticket: Ticket) {
        tickets.append(ticket)
    }

    mutating func removeFirst() {
        head += 1
        if head == tickets.count {
            tickets.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 256 {
            tickets.removeFirst(head)
            head = 0
        }
    }

    mutating func removeAll() -> ArraySlice<Ticket> {
        defer { self = GivenJobs() }
        return tickets[head...]
    }
}

/// Places of processes, each at most once, in turn.
struct Turns {
    private var places: [Int] = []
    private var head = 0
    private var isHere: [Bool]

    init(count: Int) {
        isHere = Array(repeating: false, count: count)
    }

    mutating func append(_ place: Int) {
        guard !isHere[place] else { return }
        isHere[place] = true
        places.append(place)
    }

    mutating func popFirst() -> Int? {
        guard head < places.count else { return nil }
        let place = places[head]
        head += 1
        if head == places.count || head >= 256 {
            places.removeFirst(head)
            head = 0
        }
        isHere[place] = false
        return place
    }
}
