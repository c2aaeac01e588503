internal import Glibc

/// Jobs whose processes were ended by a SIGTERM or a SIGINT that is not ours.
///
/// A supervisor may send one to all processes of a service at once. Then the worker stops as well, which shows in a moment,
/// and the job has not failed: it runs again elsewhere. If the worker goes on, it has.
struct DoubtfulDeaths {
    typealias Instant = ContinuousClock.Instant

    /// How long it may take until a worker knows that it is to stop.
    static let patience = Duration.seconds(1)
    private static let interval = Duration.milliseconds(20)

    private var deaths: [(ticket: Ticket, error: any Error, until: Instant)] = []

    var isEmpty: Bool { deaths.isEmpty }

    /// When to ask again.
    func deadline(_ now: Instant) -> Instant? { deaths.isEmpty ? nil : now + Self.interval }

    static func isDoubtful(_ status: ExitStatus) -> Bool {
        switch status {
        case .killed(SIGTERM), .killed(SIGINT): true
        case .killed, .exited, .unknown: false
        }
    }

    /// - Parameter error: what the job's attempt failed by, if it has.
    mutating func add(_ ticket: Ticket, _ error: any Error, _ now: Instant) {
        deaths.append((ticket, error, now + Self.patience))
    }

    /// Jobs of which it is known now, with what becomes of them.
    mutating func decide(_ now: Instant, isStopping: (Ticket) -> Bool) -> [(ticket: Ticket, error: any Error)] {
        guard !deaths.isEmpty else { return [] }
        var decided: [(Ticket, any Error)] = []
        deaths.removeAll { death in
            let stops = isStopping(death.ticket)
            guard stops || death.until <= now else { return false }
            decided.append((death.ticket, stops ? JobStop() : death.error))
            return true
        }
        return decided
    }

    /// The job's end has been told.
    mutating func forget(_ ticket: Ticket) {
        if !deaths.isEmpty { deaths.removeAll { $0.ticket == ticket } }
    }
}
