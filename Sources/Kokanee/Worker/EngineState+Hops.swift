internal import RdKafka

// Hops come and end many at a time: a visit to the engine's lock by each would cost more than all that is done there.

extension EngineState {
    /// What an ended try leaves to be done outside the lock.
    enum HopFate {
        case finished
        /// The broker has the record, and the next one is to be written.
        case goesOn(PendingHop)
        /// The broker has the record, and the job runs again elsewhere.
        case fenced
        case willRetry
        case givenUp
    }

    /// Of the hops those that may be written now; the others are tried again.
    mutating func admit(_ hops: [PendingHop], now: Instant) -> [PendingHop] {
        // Nearly always there is nothing to be said of any, and nothing in any's way.
        var isPlain = true
        for hop in hops where hop.news != .none || !mayWrite(hop.content.queueIndex, now: now) { isPlain = false }
        guard !isPlain else { return hops }
        return hops.compactMap { hop in
            note(hop)
            if mayWrite(hop.content.queueIndex, now: now) { return hop.counted }
            hopsToRetry.insert(hop.counted.deferred(now: now))
            return nil
        }
    }

    private mutating func note(_ hop: PendingHop) {
        switch hop.news {
        case .none: return
        case .delayed: statistics[hop.content.queueIndex].delayed += 1
        case .limited: statistics[hop.content.queueIndex].limited += 1
        case .refused: statistics[hop.content.queueIndex].refused += 1
        case .dead:
            statistics[hop.content.queueIndex].dead += 1
            // Here, because a record that is no job comes to this without an attempt.
            outcomes?.mark(.failed, hop.content, at: scheduler.place(of: hop.ticket))
        }
    }

    /// - Parameters:
    ///   - end: where the record was too large, it has lost something by now.
    ///   - now: monotonic.
    ///   - wall: milliseconds since the epoch.
    mutating func endHop(_ end: HopEnd, now: Instant, wall: Int64) -> HopFate {
        let hop = end.hop
        guard let error = end.error else {
            if !hopTroubles.isEmpty { hopTroubles[hop.ticket] = nil }
            if let next = hop.following(now: now) {
                if scheduler.mayHop(hop.ticket) { return .goesOn(next) }
                // The rest may not be written here. The job is not done, then: whoever runs it again writes all of it.
                scheduler.abandonHop(hop.ticket)
                return .fenced
            }
            return scheduler.hopped(hop.ticket, now: wall) ? .finished : .fenced
        }
        statistics[hop.content.queueIndex].failedHops += 1
        guard scheduler.mayHop(hop.ticket), !isClosed else {
            hopTroubles[hop.ticket] = nil
            scheduler.abandonHop(hop.ticket)
            return .givenUp
        }
        let since = hopTroubles[hop.ticket]?.since ?? now
        hopTroubles[hop.ticket] = HopTrouble(since: since, tries: hop.tries, error: error)
        hopsToRetry.insert(hop.next(now: now))
        return .willRetry
    }
}
