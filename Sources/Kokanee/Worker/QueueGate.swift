internal import Synchronization

/// What decides whether one queue's jobs may start in this worker: its circuit, and its lease on the membership.
///
/// A class, so that asking it something copies no circuit. The engine's lock guards it, as all of ``EngineState``.
final class QueueGate {
    let runtime: QueueRuntime
    var lease: Lease
    /// What operators want of the queue; nil is that it runs.
    enum Hold: Sendable, Hashable {
        /// Nothing starts until it is known what they want.
        case unknown
        /// Nothing starts. Of several such words each has a time of its own.
        case pause(at: Int64)
        /// Nothing is taken in; what is starts.
        case drain(at: Int64)
    }

    private(set) var hold: Hold?
    /// The last job that was taken in before the queue was to be drained.
    private var lastTakenIn: UInt64 = 0
    /// Nil where there is to be none.
    private(set) var circuit: Circuit?
    /// The attempts by which the circuit decides whether to close.
    private var probes: Set<Engine.Ticket> = []

    init(_ runtime: QueueRuntime, lease: Lease, policy: CircuitPolicy?, now: ContinuousClock.Instant) {
        self.runtime = runtime
        self.lease = lease
        circuit = policy.map { Circuit($0, now: now) }
    }

    /// What the scheduler is to let through; nil is everything.
    var gate: Scheduler<JobContent>.Gate? {
        let allowance = circuit?.allowance
        switch hold {
        case .unknown, .pause: return .init(starts: 0, stopsIntake: true)
        case .drain where lease.hasLapsed: return .init(starts: 0, stopsIntake: true)
        case .drain: return .init(starts: allowance ?? .max, stopsIntake: true, lastStamp: lastTakenIn)
        case nil: break
        }
        if lease.hasLapsed { return .init(starts: 0, stopsIntake: allowance == 0) }
        return allowance.map { .init(starts: $0, stopsIntake: $0 == 0) }
    }

    /// - Parameter lastTakenIn: the stamp of the newest job.
    func set(_ hold: Hold?, lastTakenIn: UInt64) {
        // A drain that is given anew, for another reason, goes on.
        if case .drain = hold, case .drain = self.hold {} else { self.lastTakenIn = lastTakenIn }
        self.hold = hold
    }

    /// Until which job the queue is drained; nil where it is not.
    var drainsUpTo: UInt64? {
        if case .drain = hold { lastTakenIn } else { nil }
    }

    func started(_ ticket: Engine.Ticket) {
        guard circuit?.allowance != nil else { return }
        circuit?.probeStarted()
        probes.insert(ticket)
    }

    func ended(
        _ ticket: Engine.Ticket,
        _ outcome: Circuit.Outcome,
        now: ContinuousClock.Instant
    ) -> Circuit.Transition? {
        guard !probes.isEmpty, probes.remove(ticket) != nil else { return circuit?.note(outcome, now: now) }
        let transition = circuit?.probeEnded(outcome, now: now)
        // Those that are left decide nothing any more, and none of a later round.
        if transition != nil { probes.removeAll() }
        return transition
    }

    var hasProbes: Bool { !probes.isEmpty }

    /// So many jobs have completed, none of which is a probe.
    func completed(_ count: Int, now: ContinuousClock.Instant) -> Circuit.Transition? {
        circuit?.noteSuccesses(count, now: now)
    }

    func tick(now: ContinuousClock.Instant) -> Circuit.Transition? {
        circuit?.tick(now: now)
    }
}

/// A queue's circuit has changed.
struct CircuitChange: Sendable {
    let runtime: QueueRuntime
    let transition: Circuit.Transition
}

extension EngineState {
    /// A queue is worked from now on, whose thread renews its lease within `leaseLength`.
    mutating func add(_ runtime: QueueRuntime, policy: CircuitPolicy?, leaseLength: Duration, now: Instant) {
        let index = Int(runtime.index)
        while gates.count <= index { gates.append(nil) }
        gates[index] = QueueGate(runtime, lease: Lease(length: leaseLength, now: now), policy: policy, now: now)
        noteLeases()
    }

    /// What became of an attempt, for its queue's circuit.
    mutating func noteEnd(of ticket: Engine.Ticket, _ outcome: Circuit.Outcome, queue: Int32, now: Instant) {
        let transition = gates[Int(queue)]?.ended(ticket, outcome, now: now)
        if let transition { note(transition, of: queue) }
        // A probe that was taken away is replaced by another.
        if outcome == .undecided { applyGate(of: queue) }
    }

    /// So many jobs of a queue have completed, none of which is a probe.
    mutating func noteCompleted(_ count: Int, queue: Int32, now: Instant) {
        guard count > 0 else { return }
        statistics[queue].completed += count
        if let transition = gates[Int(queue)]?.completed(count, now: now) { note(transition, of: queue) }
    }

    mutating func tickCircuits(now: Instant) {
        for index in gates.indices {
            if let transition = gates[index]?.tick(now: now) { note(transition, of: Int32(index)) }
        }
    }

    /// The circuits' changes since they were last asked for.
    mutating func takeCircuitChanges() -> [CircuitChange] {
        guard !circuitChanges.isEmpty else { return [] }
        defer { circuitChanges = [] }
        return circuitChanges
    }

    // MARK: - Leases

    /// Whether the lease holds, and goes on to.
    mutating func renewLease(of queue: Int32, now: Instant) -> Bool {
        checkLeases(now: now)
        gates[Int(queue)]?.lease.renew(now: now)
        noteLeases()
        return gates[Int(queue)]?.lease.hasLapsed == false
    }

    /// Whether the lease holds again.
    mutating func confirmLease(of queue: Int32, asOf instant: Instant, now: Instant) -> Bool {
        gates[Int(queue)]?.lease.confirm(asOf: instant, now: now)
        noteLeases()
        applyGate(of: queue)
        return gates[Int(queue)]?.lease.hasLapsed == false
    }

    /// Whether anything of the queue may be written to a topic.
    mutating func mayWrite(_ queue: Int32, now: Instant) -> Bool {
        checkLeases(now: now)
        return gates[Int(queue)]?.lease.hasLapsed != true
    }

    mutating func checkLeases(now: Instant) {
        guard let nextLeaseEnd, now >= nextLeaseEnd else { return }
        for index in gates.indices {
            gates[index]?.lease.check(now: now)
            applyGate(of: Int32(index))
        }
        noteLeases()
    }

    private mutating func noteLeases() {
        nextLeaseEnd = nil
        for case let gate? in gates {
            gate.runtime.isInDoubt.store(gate.lease.hasLapsed, ordering: .relaxed)
            guard !gate.lease.hasLapsed else { continue }
            let end = gate.lease.endsAt
            nextLeaseEnd = nextLeaseEnd.map { min($0, end) } ?? end
        }
        // After the gates: what waits in batches has been taken back by then, where one has closed.
        startLimit.set(nextLeaseEnd)
    }

    /// What operators want of a queue; without effect before it is worked.
    mutating func setHold(_ hold: QueueGate.Hold?, queue: Int32) {
        guard gates.indices.contains(Int(queue)), let gate = gates[Int(queue)], gate.hold != hold else { return }
        gates[Int(queue)]?.set(hold, lastTakenIn: scheduler.nextStamp)
        applyGate(of: queue)
    }

    private mutating func note(_ transition: Circuit.Transition, of queue: Int32) {
        guard let runtime = gates[Int(queue)]?.runtime else { return }
        if case .opened = transition { statistics[queue].circuitOpened += 1 }
        circuitChanges.append(CircuitChange(runtime: runtime, transition: transition))
        applyGate(of: queue)
    }

    private mutating func applyGate(of queue: Int32) {
        let gate = gates[Int(queue)]?.gate
        scheduler.setGate(of: queue, gate)
        // What was given to runners before, and has not begun, is to ask the gate again.
        if gate != nil { for index in runners.indices { takeBack(index) } }
    }
}
