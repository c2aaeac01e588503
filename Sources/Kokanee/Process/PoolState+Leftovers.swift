// Jobs whose process is given up, or that nobody is to run any more.

extension PoolState {
    /// Takes from a slot what it was given, for other processes, but for the job in hand where that is to end.
    mutating func abandon(_ slot: Int) {
        if slots[slot].cancelsUntil != nil, let ticket = slots[slot].given.first {
            slots[slot].given.removeFirst()
            places[Int(ticket)] = Place()
            ownerless.append(ticket)
        }
        for ticket in slots[slot].given.removeAll().reversed() {
            if places[Int(ticket)].isCancelled {
                release(ticket)
            } else if isClosing {
                places[Int(ticket)] = Place()
                unbegun.append(ticket)
            } else {
                places[Int(ticket)].slot = nil
                waiting.giveBack(ticket)
            }
        }
    }

    mutating func release(_ ticket: Ticket) {
        if places[Int(ticket)].isCancelled {
            cancelled -= 1
            if let slot = places[Int(ticket)].slot { slots[slot].cancelled -= 1 }
        }
        places[Int(ticket)] = Place()
        released.append(ticket)
    }

    /// Tickets of cancelled jobs that nobody has any more.
    mutating func takeReleased() -> [Ticket] {
        guard !released.isEmpty else { return [] }
        defer { released = [] }
        return released
    }

    /// Jobs that were written ahead to a process that was lost while the pool closed: no other one gets them.
    mutating func takeUnbegun() -> [Ticket] {
        guard !unbegun.isEmpty else { return [] }
        defer { unbegun = [] }
        return unbegun
    }

    /// Jobs that were to end, whose process was given up while it had them in hand: no other one gets them.
    mutating func takeOwnerless() -> [Ticket] {
        guard !ownerless.isEmpty else { return [] }
        defer { ownerless = [] }
        return ownerless
    }
}
