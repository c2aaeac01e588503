/// Who of a pool's processes has which job, and when a process is started: decisions only, no process and no clock.
struct PoolState {
    typealias Instant = ContinuousClock.Instant

    enum Step: Equatable {
        /// Start a process and say ``started(_:as:)`` or ``couldNotStart(_:_:)``.
        case start(slot: Int)
        case hand(Ticket, ChildID)
    }

    /// What the end of a process means.
    struct Loss: Equatable {
        /// The job that was in its hands and is not given back to the queue.
        var ticket: Ticket?
        /// How long until another one is started in its place.
        var delay: Duration
        /// Processes in a row, of the whole pool, that ended without having answered once; 0 if this one had.
        var failedStarts: Int
    }

    private struct Slot {
        var startAt: Instant?
        var child: ChildID?
        var ticket: Ticket?
        var hasAnswered = false
        /// In a row, without an answer.
        var failures = 0
    }

    static let shortestDelay = Duration.milliseconds(100)
    static let longestDelay = Duration.seconds(30)

    private var slots: [Slot]
    private var slotOfChild: [ChildID: Int] = [:]
    private var slotOfTicket: [Ticket: Int] = [:]
    private var waiting = TicketQueue()
    private var failedStarts = 0
    private(set) var isClosing = false

    init(count: Int, now: Instant) {
        slots = Array(repeating: Slot(startAt: now), count: count)
    }

    /// The next time at which ``next(_:)`` has something to do without anything happening.
    var deadline: Instant? { isClosing ? nil : slots.lazy.compactMap(\.startAt).min() }

    func ticket(of child: ChildID) -> Ticket? { slotOfChild[child].flatMap { slots[$0].ticket } }

    func isKnown(_ child: ChildID) -> Bool { slotOfChild[child] != nil }

    /// Children in a slot.
    var children: [ChildID] { slots.compactMap(\.child) }

    mutating func submit(_ ticket: Ticket) {
        waiting.append(ticket)
    }

    /// What is to be done now; called until there is nothing.
    mutating func next(_ now: Instant) -> Step? {
        guard !isClosing else { return nil }
        if let slot = slots.firstIndex(where: { $0.startAt.map { $0 <= now } ?? false }) {
            slots[slot].startAt = nil
            return .start(slot: slot)
        }
        guard !waiting.isEmpty, let slot = slots.firstIndex(where: { $0.child != nil && $0.ticket == nil }),
            let child = slots[slot].child, let ticket = waiting.popFirst()
        else { return nil }
        slots[slot].ticket = ticket
        slotOfTicket[ticket] = slot
        return .hand(ticket, child)
    }

    mutating func started(_ slot: Int, as child: ChildID) {
        slots[slot].child = child
        slots[slot].hasAnswered = false
        slotOfChild[child] = slot
    }

    mutating func couldNotStart(_ slot: Int, _ now: Instant) -> Loss {
        let delay = fail(slot)
        slots[slot].startAt = now + delay
        return Loss(ticket: nil, delay: delay, failedStarts: failedStarts)
    }

    /// - Returns: the job that the answer is for.
    mutating func answered(_ child: ChildID) -> Ticket? {
        guard let slot = slotOfChild[child], let ticket = slots[slot].ticket else { return nil }
        slots[slot].ticket = nil
        slots[slot].hasAnswered = true
        slots[slot].failures = 0
        slotOfTicket[ticket] = nil
        failedStarts = 0
        return ticket
    }

    /// A process has ended, or is to be stopped for what it did.
    ///
    /// - Parameter hasReadNothing: its job is another process's then, and not failed.
    /// - Returns: nil where the process was given up before.
    mutating func lost(_ child: ChildID, hasReadNothing: Bool, _ now: Instant) -> Loss? {
        guard let slot = vacate(child) else { return nil }
        let (hadAnswered, ticket) = (slots[slot].hasAnswered, slots[slot].ticket)
        slots[slot].ticket = nil
        // One that worked and is worked to death is replaced at once; one that died of itself had best wait a little.
        let delay: Duration
        if hadAnswered {
            slots[slot].failures = 0
            delay = ticket == nil ? Self.shortestDelay : .zero
        } else {
            delay = fail(slot)
        }
        slots[slot].startAt = now + delay
        var loss = Loss(ticket: ticket, delay: delay, failedStarts: hadAnswered ? 0 : failedStarts)
        guard let ticket else { return loss }
        slotOfTicket[ticket] = nil
        if hasReadNothing, !isClosing {
            waiting.giveBack(ticket)
            loss.ticket = nil
        }
        return loss
    }

    /// - Returns: whether the job was here, and the process to stop where it was in the hands of one.
    mutating func cancel(_ ticket: Ticket, _ now: Instant) -> (wasHere: Bool, child: ChildID?) {
        if waiting.remove(ticket) { return (true, nil) }
        guard let slot = slotOfTicket.removeValue(forKey: ticket), let child = slots[slot].child else {
            return (false, nil)
        }
        slots[slot].ticket = nil
        _ = vacate(child)
        slots[slot].startAt = now
        return (true, child)
    }

    /// Nothing is started or handed out from now on.
    ///
    /// - Returns: the jobs that still waited.
    mutating func close() -> [Ticket] {
        isClosing = true
        return waiting.removeAll()
    }

    private mutating func vacate(_ child: ChildID) -> Int? {
        guard let slot = slotOfChild.removeValue(forKey: child) else { return nil }
        slots[slot].child = nil
        return slot
    }

    private mutating func fail(_ slot: Int) -> Duration {
        slots[slot].failures += 1
        failedStarts += 1
        let doublings = min(slots[slot].failures - 1, 16)
        return min(Self.shortestDelay * (1 << doublings), Self.longestDelay)
    }
}
