internal import RdKafka

/// A job that leaves for a rung because its limits keep it from starting.
struct LeavingJob: Sendable {
    let ticket: Engine.Ticket
    let content: JobContent
    /// In nanoseconds, about how long they do; 0 is unknown.
    let wait: Int64
}

/// What one of a worker's limits does at a moment, over all its groups.
struct LimitObservation: Sendable, Equatable {
    var queue: Int32
    /// A paused type is a limit of it, too.
    var limit: JobLimit.Subject
    /// Jobs that are ready but for it, in this worker.
    var waiting = 0
    var running = 0
}

extension Engine {
    /// What the limits do now; waits for the lock.
    var limitObservations: [LimitObservation] { state.withLock { $0.scheduler.limiter.observations } }
}

extension EngineState {
    @discardableResult
    mutating func advance(to now: Instant) -> Int64? {
        scheduler.advance(to: MonotonicTime.nanoseconds(of: now))
    }

    mutating func setLimits(_ table: LimitTable, queue: Int32, now: Instant) {
        // What was given to runners before, and has not begun, is to ask the limits, too.
        for index in runners.indices { takeBack(index) }
        scheduler.setLimits(table, of: queue, now: MonotonicTime.nanoseconds(of: now))
    }

    mutating func takeLeaving() -> [LeavingJob] {
        guard !scheduler.leaving.isEmpty else { return [] }
        return scheduler.takeLeaving().compactMap { leaving in
            scheduler.content(of: leaving.ticket).map {
                LeavingJob(ticket: leaving.ticket, content: $0, wait: leaving.wait)
            }
        }
    }
}

extension JobContent: LimitedJob {
    var limitedType: String { handledType ?? "" }

    func keyGroup(upTo separator: String?) -> UInt64? {
        guard let key = message.key else { return nil }
        guard var separator else { return KeyHash.hash(key) }
        let length = separator.withUTF8 { KeyGroup.length(of: key, upTo: UnsafeRawBufferPointer($0)) }
        return KeyHash.hash(UnsafeRawBufferPointer(rebasing: key[..<length]))
    }
}

/// Where the group in a key ends.
enum KeyGroup {
    /// - Returns: the bytes before the separator; all where it does not occur.
    static func length(of key: UnsafeRawBufferPointer, upTo separator: UnsafeRawBufferPointer) -> Int {
        guard !separator.isEmpty, separator.count <= key.count else { return key.count }
        for start in 0...(key.count - separator.count)
        where key[start..<start + separator.count].elementsEqual(separator) {
            return start
        }
        return key.count
    }
}
