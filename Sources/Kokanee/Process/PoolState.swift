/// Who of a pool's processes has which jobs, and when a process is started: decisions only, no process and no clock.
///
/// A process executes a job at a time: the oldest of those that it was given and has not answered is in its hands. Those
/// behind it are written ahead. They have not begun; when their process is lost they go to the front of the queue again.
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
        /// Whether its process had been told to end it.
        var wasAsked = false
        /// How long until another one is started in its place.
        var delay: Duration
        /// Processes in a row, of the whole pool, that ended without having answered once; 0 if this one had.
        var failedStarts: Int
    }

    struct Slot {
        var startAt: Instant?
        var child: ChildID?
        var given = GivenJobs()
        var bytes = 0
        /// Since when the oldest of them is in hand.
        var inHandSince: Instant
        /// Of those written ahead, cancelled ones.
        var cancelled = 0
        var pace = Pace()
        /// It broke the protocol, and may answer what it has been given.
        var isCondemned = false
        var hasAnswered = false
        /// It has said that it heeds words about the job in its hands.
        var canCancel = false
        /// The job in hand may be so until then, whatever the timeout.
        var extendedUntil: Instant?
        /// It has been told to end the job in hand, and is stopped if it has not until then.
        var cancelsUntil: Instant?
        /// In a row, without an answer.
        var failures = 0
    }

    /// What the state knows of a ticket: these tickets are few and small, an array serves.
    struct Place {
        var slot: Int?
        var bytes = 0
        var isCancelled = false
    }

    static let shortestDelay = Duration.milliseconds(100)
    static let longestDelay = Duration.seconds(30)
    /// How long a condemned process may take for each of the jobs that were written ahead to it.
    static let patience = Duration.seconds(1)
    /// What a process is given at once, in bytes, unless a single job is more: it fits into a pipe.
    static let mostBytesAhead = 48 << 10

    private let writeAhead: Int
    private let longestWait: Duration
    let timeout: Duration?
    let grace: Duration
    var slots: [Slot]
    var places: [Place] = []
    var slotOfChild: [ChildID: Int] = [:]
    var waiting = TicketQueue()
    /// Processes that may be without a job, and processes that may have room for one more.
    private var idle: Turns
    private var open: Turns
    private var starts: Int
    var cancelled = 0
    private var condemned = 0
    /// Slots whose job in hand is to end.
    var asked = 0
    var released: [Ticket] = []
    var unbegun: [Ticket] = []
    var ownerless: [Ticket] = []
    private var failedStarts = 0
    private(set) var isClosing = false
    /// A process wrote something between two jobs. Written-ahead jobs would be failed by such words.
    private var takesOneAtATime = false

    /// - Parameters:
    ///   - writeAhead: the most jobs that a process has at once; 1 writes none ahead.
    ///   - longestWait: how long a job that is written ahead may be expected to wait.
    ///   - timeout: how long a job may be in hand.
    init(
        count: Int,
        now: Instant,
        writeAhead: Int = 64,
        longestWait: Duration = .milliseconds(2),
        timeout: Duration? = nil,
        grace: Duration = .seconds(2)
    ) {
        self.writeAhead = writeAhead
        self.longestWait = longestWait
        self.timeout = timeout
        self.grace = grace
        slots = Array(repeating: Slot(startAt: now, inHandSince: now), count: count)
        idle = Turns(count: count)
        open = Turns(count: count)
        starts = count
    }

    /// The next time at which there is something to do without anything happening.
    var deadline: Instant? {
        let start = isClosing || starts == 0 ? nil : slots.lazy.compactMap(\.startAt).min()
        let drained =
            condemned == 0 ? nil : slots.lazy.filter(\.isCondemned).map(\.inHandSince).min().map { $0 + Self.patience }
        let cancelled = asked == 0 ? nil : slots.lazy.compactMap(\.cancelsUntil).min()
        let overrun = timeout == nil ? nil : slots.lazy.compactMap(overrunAt).min()
        return [start, drained, cancelled, overrun].compactMap(\.self).min()
    }

    /// How many jobs the pool can use: one for each process, and for those that answer fast what is written ahead, and as
    /// much again, so that it is there when they have answered.
    var demand: Int { slots.reduce(0) { $0 + ($1.pace.depth == 1 ? 1 : $1.pace.depth * 2) } }

    /// How long nothing need be looked at: every process has work for longer, and a job that comes meanwhile could only
    /// wait behind others.
    var rest: Duration {
        var rest = Duration.seconds(1)
        for slot in slots where slot.child != nil {
            if slot.given.isEmpty { return .zero }
            rest = min(rest, slot.pace.rest(outstanding: slot.given.count))
        }
        return slotOfChild.isEmpty ? .zero : rest
    }

    /// The job in a process's hands.
    func ticket(of child: ChildID) -> Ticket? { slotOfChild[child].flatMap { slots[$0].given.first } }

    func isKnown(_ child: ChildID) -> Bool { slotOfChild[child] != nil }

    /// Where a process is, until it is lost.
    func slot(of child: ChildID) -> Int? { slotOfChild[child] }

    /// The job in hand of the process that is in a slot, if there is one.
    func ticket(inSlot slot: Int) -> Ticket? { slots[slot].given.first }

    /// Children in a slot.
    var children: [ChildID] { slots.compactMap(\.child) }

    // MARK: - Jobs

    /// - Parameter bytes: what it takes in a pipe.
    mutating func submit(_ ticket: Ticket, bytes: Int = 0) {
        while places.count <= ticket { places.append(Place()) }
        places[Int(ticket)] = Place(bytes: bytes)
        waiting.append(ticket)
    }

    /// What is to be done now; called until there is nothing.
    ///
    /// - Parameter mayBegin: whether a job may be handed to a process, as things stand.
    mutating func next(_ now: Instant, mayBegin: (Ticket) -> Bool = { _ in true }) -> Step? {
        guard !isClosing else { return nil }
        if starts > 0, let slot = slots.firstIndex(where: { $0.startAt.map { $0 <= now } ?? false }) {
            slots[slot].startAt = nil
            starts -= 1
            return .start(slot: slot)
        }
        guard let ticket = waiting.first, mayBegin(ticket), let slot = slotFor(ticket, now),
            let child = slots[slot].child
        else { return nil }
        _ = waiting.popFirst()
        if slots[slot].given.isEmpty { slots[slot].inHandSince = now }
        slots[slot].given.append(ticket)
        places[Int(ticket)].slot = slot
        slots[slot].bytes += places[Int(ticket)].bytes
        open.append(slot)
        return .hand(ticket, child)
    }

    /// An idle process, else one that will come to the job soon, in turn.
    private mutating func slotFor(_ ticket: Ticket, _ now: Instant) -> Int? {
        while let slot = idle.popFirst() {
            if slots[slot].child != nil, slots[slot].given.isEmpty, !slots[slot].isCondemned { return slot }
        }
        let bytes = places[Int(ticket)].bytes
        while let slot = open.popFirst() {
            // One that has no room now is asked again after its next answer.
            if slots[slot].child != nil, !takesOneAtATime, !slots[slot].isCondemned, slots[slot].cancelled == 0,
                slots[slot].given.count < slots[slot].pace.depth, slots[slot].bytes + bytes <= Self.mostBytesAhead,
                slots[slot].inHandSince + longestWait > now
            {
                return slot
            }
        }
        return nil
    }

    /// - Returns: the job that the answer is for; nobody has it any more.
    mutating func answered(_ child: ChildID) -> Ticket? {
        slotOfChild[child].flatMap { answered(inSlot: $0) }
    }

    mutating func answered(inSlot slot: Int) -> Ticket? {
        guard let ticket = slots[slot].given.first else { return nil }
        slots[slot].given.removeFirst()
        slots[slot].bytes -= places[Int(ticket)].bytes
        slots[slot].hasAnswered = true
        slots[slot].failures = 0
        forgetWords(slot)
        if places[Int(ticket)].isCancelled {
            slots[slot].cancelled -= 1
            cancelled -= 1
        }
        places[Int(ticket)] = Place()
        if slots[slot].given.isEmpty { idle.append(slot) }
        open.append(slot)
        failedStarts = 0
        return ticket
    }

    /// So many answers of a process were read at once. The job that is in its hands now is so from now on.
    mutating func paced(_ child: ChildID, answers: Int, _ now: Instant) {
        guard let slot = slotOfChild[child], answers > 0 else { return }
        slots[slot].pace.note(
            answers: answers,
            within: now - slots[slot].inHandSince,
            limit: takesOneAtATime ? 1 : writeAhead,
            wait: longestWait
        )
        slots[slot].inHandSince = now
    }

    /// A process wrote something without a job in its hands. If it does so between jobs, no job may be in its pipe then.
    mutating func spokeUnasked(_ child: ChildID) {
        guard let slot = slotOfChild[child], slots[slot].hasAnswered, !takesOneAtATime else { return }
        takesOneAtATime = true
        for slot in slots.indices { slots[slot].pace = Pace() }
    }

    // MARK: - Processes

    mutating func started(_ slot: Int, as child: ChildID) {
        slots[slot].child = child
        slots[slot].hasAnswered = false
        slots[slot].pace = Pace()
        slotOfChild[child] = slot
        idle.append(slot)
    }

    mutating func couldNotStart(_ slot: Int, _ now: Instant) -> Loss {
        let delay = fail(slot)
        startLater(slot, now + delay)
        return Loss(ticket: nil, delay: delay, failedStarts: failedStarts)
    }

    /// A process has ended, or is to be stopped for what it did.
    ///
    /// - Parameter hasReadNothing: of the job in its hands, which is another process's then, and not failed, unless it was to
    ///   end.
    /// - Returns: nil where the process was given up before.
    mutating func lost(_ child: ChildID, hasReadNothing: Bool, _ now: Instant) -> Loss? {
        guard let slot = slotOfChild[child] else { return nil }
        guard !slots[slot].isCondemned else {
            abandon(slot)
            vacate(child, startAt: now)
            return nil
        }
        let hadAnswered = slots[slot].hasAnswered
        let inHand = takeInHand(slot)
        let wasAsked = isAsked(inSlot: slot)
        forgetWords(slot)
        // One that worked and is worked to death is replaced at once; one that died of itself had best wait a little.
        let delay: Duration
        if hadAnswered {
            slots[slot].failures = 0
            delay = inHand == nil ? Self.shortestDelay : .zero
        } else {
            delay = fail(slot)
        }
        var loss = Loss(ticket: inHand, delay: delay, failedStarts: hadAnswered ? 0 : failedStarts)
        loss.wasAsked = wasAsked
        abandon(slot)
        vacate(child, startAt: now + delay)
        guard let ticket = inHand else { return loss }
        if hasReadNothing, !isClosing, !wasAsked {
            places[Int(ticket)].slot = nil
            waiting.giveBack(ticket)
            loss.ticket = nil
        } else {
            places[Int(ticket)] = Place()
        }
        return loss
    }

    /// A process wrote what is no answer, and has failed the job in its hands.
    ///
    /// It takes that for answered, and may have begun the next: jobs that were written ahead to it may still be answered by
    /// it, so that none of them runs twice. With none it is lost at once.
    ///
    /// - Returns: nil where the process was given up, or condemned, before.
    mutating func condemn(_ child: ChildID, _ now: Instant) -> Loss? {
        guard let slot = slotOfChild[child], !slots[slot].isCondemned else { return nil }
        guard slots[slot].given.count > 1 else { return lost(child, hasReadNothing: false, now) }
        let ticket = takeInHand(slot)
        slots[slot].isCondemned = true
        forgetWords(slot)
        slots[slot].inHandSince = now
        condemned += 1
        if let ticket { places[Int(ticket)] = Place() }
        return Loss(ticket: ticket, delay: .zero, failedStarts: 0)
    }

    /// Takes the job in a slot's hands from it; nil where there is none, or its end is told already.
    private mutating func takeInHand(_ slot: Int) -> Ticket? {
        guard let ticket = slots[slot].given.first else { return nil }
        slots[slot].given.removeFirst()
        guard places[Int(ticket)].isCancelled else { return ticket }
        release(ticket)
        return nil
    }

    func isCondemned(_ child: ChildID) -> Bool { slotOfChild[child].map { slots[$0].isCondemned } ?? false }

    /// Gives up the condemned processes that have answered all, or take too long for it. They are to be stopped.
    mutating func giveUpCondemned(_ now: Instant) -> [ChildID] {
        guard condemned > 0 else { return [] }
        var children: [ChildID] = []
        for slot in slots.indices where slots[slot].isCondemned {
            guard let child = slots[slot].child,
                slots[slot].given.isEmpty || slots[slot].inHandSince + Self.patience <= now
            else { continue }
            abandon(slot)
            vacate(child, startAt: now)
            children.append(child)
        }
        return children
    }

    /// Nothing is started or handed out from now on.
    ///
    /// - Returns: the jobs that still waited.
    mutating func close() -> [Ticket] {
        isClosing = true
        return waiting.removeAll()
    }

    mutating func vacate(_ child: ChildID, startAt: Instant) {
        guard let slot = slotOfChild.removeValue(forKey: child) else { return }
        if slots[slot].isCondemned { condemned -= 1 }
        slots[slot].isCondemned = false
        slots[slot].child = nil
        slots[slot].canCancel = false
        forgetWords(slot)
        slots[slot].bytes = 0
        slots[slot].pace = Pace()
        startLater(slot, startAt)
    }

    private mutating func startLater(_ slot: Int, _ time: Instant) {
        if slots[slot].startAt == nil { starts += 1 }
        slots[slot].startAt = time
    }

    private mutating func fail(_ slot: Int) -> Duration {
        slots[slot].failures += 1
        failedStarts += 1
        let doublings = min(slots[slot].failures - 1, 16)
        return min(Self.shortestDelay * (1 << doublings), Self.longestDelay)
    }
}
