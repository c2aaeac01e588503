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

    /// The group has accepted a commit.
    func confirmLease() {
        guard lapsedAt != nil else { return }
        lapsedAt = nil
        engine.confirmLease(of: runtime.index)
        logger.log(.info, "the group has accepted a commit: jobs start again", ["queue": name])
    }

    /// The group has assigned partitions, which took effect just now.
    func confirmLease(ofAssignmentAt start: ContinuousClock.Instant) {
        // What came after the assignment may have taken longer than the group waits for a member.
        guard engine.clock.monotonic() - start < leaseLength else { return }
        lapsedAt = nil
        engine.confirmLease(of: runtime.index)
    }
}
