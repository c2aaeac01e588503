extension Dispatcher {
    /// To be called at every turn: tells the engine that this thread is at work, or finds out, where it was not for too
    /// long, whether this worker is still a member of the group.
    func keepLease() {
        guard !engine.renewLease(of: runtime.index) else { return }
        if lapsedAt == nil {
            lapsedAt = engine.clock.monotonic()
            engine.noteLapse(of: runtime)
            logger.log(
                .warning,
                "this worker stood still for so long that it may have lost its partitions: nothing starts until the "
                    + "group accepts a commit of it; give it more processor time, or a longer session.timeout.ms",
                ["queue": name, "limit": leaseLength.text]
            )
        }
        // Without partitions there is nothing to commit, and nothing to start: an assignment will tell.
        guard !rotation.isEmpty else { return }
        commits.confirm(self)
    }

    /// The group has accepted a commit that was sent then.
    func confirmLease(byCommitAt sent: ContinuousClock.Instant) {
        guard lapsedAt != nil, engine.confirmLease(of: runtime.index, asOf: sent) else { return }
        lapsedAt = nil
        logger.log(.info, "the group has accepted a commit: jobs start again", ["queue": name])
    }

    /// The group has assigned partitions, which took effect then.
    func confirmLease(ofAssignmentAt start: ContinuousClock.Instant) {
        // What came after the assignment may have taken longer than the group waits for a member.
        if engine.confirmLease(of: runtime.index, asOf: start) { lapsedAt = nil }
    }
}
