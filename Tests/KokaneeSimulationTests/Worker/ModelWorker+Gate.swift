@testable import Kokanee

/// As `QueueGate`: what decides whether jobs may start.
struct ModelGate {
    var lease: Lease
    var circuit: Circuit?
    var probes: Set<ModelWorker.Ticket> = []
    /// What ended since the circuit was last closed; the check's own count.
    var ends: [(at: Int64, isDead: Bool)] = []
}

extension ModelWorker {
    /// As `EngineState.take`.
    func takeReady() throws -> (ticket: Ticket, content: Content)? {
        checkLease()
        if scheduler.needsTime { _ = scheduler.advance(to: nanoseconds) }
        let taken = scheduler.take()
        leaveLimited()
        guard let next = taken else { return nil }
        try checkCircuit()
        if gate.circuit?.allowance != nil {
            gate.circuit?.probeStarted()
            gate.probes.insert(next.ticket)
        }
        return next
    }

    /// As `EngineState.noteEnd`.
    func noteEnd(of ticket: Ticket, _ outcome: Circuit.Outcome) {
        let now = simulation.instant
        let transition: Circuit.Transition?
        if gate.probes.remove(ticket) != nil {
            transition = gate.circuit?.probeEnded(outcome, now: now)
        } else {
            transition = gate.circuit?.note(outcome, now: now)
        }
        if outcome == .died || outcome == .succeeded { gate.ends.append((simulation.now, outcome == .died)) }
        if let transition { note(transition) }
        if outcome == .undecided { applyGate() }
    }

    func tickCircuit() {
        if let transition = gate.circuit?.tick(now: simulation.instant) { note(transition) }
    }

    private func note(_ transition: Circuit.Transition) {
        switch transition {
        case .opened, .reopened: simulation.tally.note(.circuitOpened)
        case .closed: gate.ends = []
        case .probing: break
        }
        applyGate()
    }

    private func applyGate() {
        let allowance = gate.circuit?.allowance
        if gate.lease.hasLapsed {
            scheduler.setGate(of: 0, .init(starts: 0, stopsIntake: allowance == 0))
        } else {
            scheduler.setGate(of: 0, allowance.map { .init(starts: $0, stopsIntake: $0 == 0) })
        }
    }

    /// A job starts: by the ends that the check itself has counted, the circuit may not be closed.
    private func checkCircuit() throws {
        guard let circuit = gate.circuit else { return }
        switch circuit.phase {
        case .open: throw Violation("worker \(number) starts a job, and its circuit is open")
        case .probing(let toStart, _, _):
            guard toStart > 0 else {
                throw Violation("worker \(number) starts more jobs than its circuit lets through")
            }
        case .closed:
            // A twelfth of the window may have been forgotten already.
            let since = simulation.now - circuit.policy.window.milliseconds * 10 / 12
            let dead = gate.ends.count { $0.isDead && $0.at > since }
            let all = gate.ends.count { $0.at > since }
            guard all == gate.ends.count, all >= circuit.policy.minimumJobs, let last = gate.ends.last, last.isDead,
                Double(dead) >= circuit.policy.deadShare * Double(all)
            else { return }
            throw Violation("\(dead) of \(all) jobs died, and worker \(number) starts another one")
        }
    }

    // MARK: - The lease

    private func checkLease() {
        guard !gate.lease.hasLapsed else { return }
        gate.lease.check(now: simulation.instant)
        if gate.lease.hasLapsed { applyGate() }
    }

    func mayWrite() -> Bool {
        checkLease()
        return !gate.lease.hasLapsed
    }

    func renewLease() -> Bool {
        checkLease()
        gate.lease.renew(now: simulation.instant)
        return !gate.lease.hasLapsed
    }

    /// As `Dispatcher.keepLease`.
    func keepLease() throws {
        guard !renewLease() else { return }
        if lapsedAt == nil {
            lapsedAt = simulation.now
            simulation.tally.note(.leasesLapsed)
        }
        guard !intakes.isEmpty else { return }
        try sendConfirmation()
    }

    func confirmLease(asOf time: Int64) throws {
        let ago = Duration.milliseconds(simulation.now - time)
        gate.lease.confirm(asOf: simulation.instant - ago, now: simulation.instant)
        applyGate()
        if !gate.lease.hasLapsed { lapsedAt = nil }
        try startReady()
    }
}
