internal import RdKafka

// A broker answers a fetch when one of its partitions has something, or when the fetch's time is over, and until then
// there is no other. So partitions in which nothing happens hold up the others, where these were full when the fetch was
// sent, and all of them make each fetch dearer. A queue has many such: what comes to a rung is not due for the rung's delay,
// and need not be known any sooner. A rung that has been read to its end is not fetched for a part of that delay.

extension Dispatcher {
    /// Rungs of shorter delays are always fetched.
    private static let shortestDelay: Int64 = 2000
    private static let longestRest: Int64 = 15_000

    /// A partition has been read to its end: from here on it is not fetched, if it can do without.
    func rest(_ intake: PartitionIntake) {
        guard let delay = intake.delay, delay >= Self.shortestDelay, intake.waiting.isEmpty, intake.restsUntil == nil
        else { return }
        // A quarter is for the rest, and three for the fetch that brings what came meanwhile.
        intake.restsUntil = engine.clock.monotonic() + .milliseconds(min(delay / 4, Self.longestRest))
        toRest.append(intake)
    }

    /// Carries out what ``rest(_:)`` has found, and ends the rests that are over.
    func restRungs() {
        let now = engine.clock.monotonic()
        if !toRest.isEmpty {
            pause(toRest)
            nextRestEnd = min(nextRestEnd, toRest.compactMap(\.restsUntil).min() ?? nextRestEnd)
            toRest.removeAll()
        }
        guard now >= nextRestEnd else { return }
        let over = rotation.filter { $0.restsUntil.map { $0 <= now } ?? false }
        if resume(over) {
            for intake in over { intake.restsUntil = nil }
        }
        nextRestEnd = rotation.compactMap(\.restsUntil).min() ?? now + .seconds(3600)
    }

    /// To be called before partitions are let go: librdkafka would not fetch them in a later assignment either.
    func endRests() {
        toRest.removeAll()
        _ = resume(rotation.filter { $0.restsUntil != nil })
        for intake in rotation { intake.restsUntil = nil }
    }

    /// Nothing more is wanted of a partition, for as long as it is assigned.
    func stopFetching(_ intake: PartitionIntake) {
        intake.restsUntil = engine.clock.monotonic() + .seconds(365 * 86_400)
        toRest.append(intake)
    }

    private func pause(_ intakes: [PartitionIntake]) {
        // Of a replay's stretch that was read nothing more is wanted, which may be found twice.
        let positions = intakes.map { ($0.topicPartition, $0.stretch == nil ? $0.expected : nil) }
        do {
            try consumer.pause(Dictionary(positions) { $1 })
        } catch {
            // One that is fetched all the same is only asked for again.
            logger.log(.warning, "rungs can't be paused", ["queue": name, "error": "\(error)"])
        }
    }

    private func resume(_ intakes: [PartitionIntake]) -> Bool {
        do {
            try consumer.resume(intakes.map(\.topicPartition))
            return true
        } catch {
            logger.log(.warning, "rungs can't be resumed", ["queue": name, "error": "\(error)"])
            return false
        }
    }
}
