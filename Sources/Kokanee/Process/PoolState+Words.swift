// Jobs that are to end before they are done, and the processes that can be told so.

extension PoolState {
    /// What a cancellation leads to.
    enum Cancellation: Equatable {
        case notHere
        /// Nobody works on the job.
        case ended
        /// Nobody does any more once the process has been stopped.
        case stop(ChildID)
        /// The process is to be told, and may answer.
        case ask(ChildID)
    }

    mutating func cancel(_ ticket: Ticket, _ now: Instant) -> Cancellation {
        guard ticket < places.count, !places[Int(ticket)].isCancelled else { return .notHere }
        if waiting.remove(ticket) {
            release(ticket)
            return .ended
        }
        guard let slot = places[Int(ticket)].slot, let child = slots[slot].child else { return .notHere }
        guard slots[slot].given.first == ticket else {
            // Its line can't be taken back. When its turn comes its process is stopped.
            places[Int(ticket)].isCancelled = true
            slots[slot].cancelled += 1
            cancelled += 1
            return .ended
        }
        if slots[slot].canCancel {
            guard slots[slot].cancelsUntil == nil else { return .notHere }
            ask(slot, now)
            return .ask(child)
        }
        release(ticket)
        slots[slot].given.removeFirst()
        abandon(slot)
        vacate(child, startAt: now)
        return .stop(child)
    }

    private mutating func ask(_ slot: Int, _ now: Instant) {
        slots[slot].cancelsUntil = now + grace
        asked += 1
    }

    mutating func forgetWords(_ slot: Int) {
        if slots[slot].cancelsUntil != nil { asked -= 1 }
        slots[slot].cancelsUntil = nil
        slots[slot].extendedUntil = nil
    }

    /// Processes that have been told to end their job and have not in time. The job is nobody's from here on, and they are
    /// to be stopped.
    mutating func giveUpAsked(_ now: Instant) -> [(child: ChildID, ticket: Ticket)] {
        guard asked > 0 else { return [] }
        var given: [(ChildID, Ticket)] = []
        for slot in slots.indices {
            guard let limit = slots[slot].cancelsUntil, limit <= now, let child = slots[slot].child,
                let ticket = slots[slot].given.first
            else { continue }
            slots[slot].given.removeFirst()
            places[Int(ticket)] = Place()
            forgetWords(slot)
            abandon(slot)
            vacate(child, startAt: now)
            given.append((child, ticket))
        }
        return given
    }

    /// A process has said what it can.
    mutating func greeted(_ child: ChildID, canCancel: Bool) {
        guard let slot = slotOfChild[child] else { return }
        slots[slot].canCancel = canCancel
    }

    /// The process that has a job in its hands and can be told something about it. Nil where its end is
    /// told already: it was cancelled before its turn.
    func listener(of ticket: Ticket) -> ChildID? {
        guard ticket < places.count, let slot = places[Int(ticket)].slot, slots[slot].given.first == ticket,
            slots[slot].canCancel, slots[slot].cancelsUntil == nil, !places[Int(ticket)].isCancelled
        else { return nil }
        return slots[slot].child
    }

    /// Whether the process has been told to end the job in hand.
    func isAsked(inSlot slot: Int) -> Bool { slots[slot].cancelsUntil != nil }

    /// The job in hand may be so for `time` from now.
    mutating func extend(inSlot slot: Int, by time: Duration, _ now: Instant) {
        slots[slot].extendedUntil = max(slots[slot].extendedUntil ?? now, now + time)
    }

    /// Processes whose job in hand takes longer than it may.
    ///
    /// - Returns: with each, whether it is to be told first, and has then its grace.
    mutating func overrun(_ now: Instant) -> [(child: ChildID, ticket: Ticket, isAsked: Bool)] {
        guard timeout != nil else { return [] }
        return slots.indices.compactMap { slot in
            guard let end = overrunAt(slots[slot]), end <= now, let child = slots[slot].child,
                let ticket = slots[slot].given.first
            else { return nil }
            if slots[slot].canCancel { ask(slot, now) }
            return (child, ticket, slots[slot].canCancel)
        }
    }

    /// When the job in hand has to be looked at because of the timeout; nil where nothing is in hand, or it is told already.
    func overrunAt(_ slot: Slot) -> Instant? {
        guard let timeout, !slot.given.isEmpty, slot.cancelsUntil == nil else { return nil }
        let end = slot.inHandSince + timeout
        return slot.extendedUntil.map { max(end, $0) } ?? end
    }

    /// Gives up the processes that have come to a cancelled job. They are to be stopped.
    mutating func giveUpCancelled(_ now: Instant) -> [ChildID] {
        guard cancelled > 0 else { return [] }
        var children: [ChildID] = []
        for slot in slots.indices {
            guard let child = slots[slot].child, let ticket = slots[slot].given.first,
                places[Int(ticket)].isCancelled
            else { continue }
            abandon(slot)
            vacate(child, startAt: now)
            children.append(child)
        }
        return children
    }
}
