internal import RdKafka

extension Worker {
    /// Refuses settings that can't be.
    ///
    /// - Throws: ``InputError``.
    func validate() throws {
        guard !queues.isEmpty else { throw InputError("a worker needs at least one queue") }
        guard Set(queues.map(\.name)).count == queues.count else { throw InputError("a queue is named twice") }
        if replay == nil, let queue = queues.first(where: { $0.replay != nil }), let id = queue.replay {
            throw InputError(
                """
                \(queue.name) is a replay, and without its plan all of \(queue.mainTopic) would run again; work it with: \
                kokanee replay work \(id)
                """
            )
        }
        guard queues.count == 1 || Set(queues.map(\.group)).count == queues.count else {
            throw InputError("each queue needs a consumer group of its own")
        }
        guard (1...100_000).contains(configuration.concurrency) else {
            throw InputError("a worker's concurrency is from 1 to 100000, not \(configuration.concurrency)")
        }
        let bounds = [
            Int64(configuration.maximumInFlight), Int64(configuration.maximumInFlightBytes), configuration.maximumGap,
        ]
        guard bounds.allSatisfy({ (1...1 << 40).contains($0) }) else {
            throw InputError("a worker's bounds on what is in flight are from 1 to \(1 << 40 as Int64)")
        }
        guard (.milliseconds(1) ... .longestText).contains(configuration.resultRetention) else {
            throw InputError(
                "results are kept for 1ms to \(Duration.longestText.text), not \(configuration.resultRetention.text)"
            )
        }
        let pollInterval = client.properties["max.poll.interval.ms"].flatMap { Int64($0) } ?? 300_000
        guard configuration.wedgeLimit >= .seconds(1), configuration.wedgeLimit < .milliseconds(pollInterval) else {
            throw InputError(
                """
                a worker's wedge limit is at least 1s and below max.poll.interval.ms, \
                \(Duration.milliseconds(pollInterval).text), not \(configuration.wedgeLimit.text)
                """
            )
        }
        guard configuration.revocationLimit >= .zero, configuration.revocationLimit < .milliseconds(pollInterval) else {
            throw InputError(
                """
                a worker's revocation limit is below max.poll.interval.ms, \(Duration.milliseconds(pollInterval).text): \
                the group waits no longer; not \(configuration.revocationLimit.text)
                """
            )
        }
        if let build = configuration.build, !OutcomeRecord.isBuild(build) {
            throw InputError(
                "a worker's build has at most \(OutcomeRecord.longestBuild) bytes and no control characters"
            )
        }
        guard configuration.idempotencyWindow > .zero, configuration.idempotencyWindow <= .seconds(365 * 86_400) else {
            throw InputError(
                "a worker's idempotency window is more than nothing and at most 365 days, "
                    + "not \(configuration.idempotencyWindow.text)"
            )
        }
        _ = try Redaction(configuration.redactedFields)
        for policy in [configuration.unknownTypes, configuration.newerVersions] {
            guard let limit = policy.limit, !(.milliseconds(1) ... .seconds(365 * 86_400)).contains(limit) else {
                continue
            }
            throw InputError("jobs that a build can't run wait for 1ms to 365d, not for \(limit.text)")
        }
        try configuration.circuit?.validate()
        try validateLimits()
        try validateSchedules()
    }

    private func validateLimits() throws {
        try configuration.priorities.validate()
        for name in configuration.limits.keys.sorted() + configuration.weights.keys.sorted()
        where !queues.contains(where: { $0.name == name }) {
            throw InputError("limits or a weight are set for \(SafeText.quoted(name)), which this worker does not work")
        }
        for (name, weight) in configuration.weights where !(1...1000).contains(weight) {
            throw InputError("the weight of a queue is from 1 to 1000, not \(weight), as \(name)'s is")
        }
    }

    private func validateSchedules() throws {
        for (queue, schedules) in configuration.schedules {
            guard queues.contains(where: { $0.name == queue }) else {
                throw InputError("there are schedules for \(SafeText.quoted(queue)), which this worker does not work")
            }
            guard Set(schedules.map(\.name)).count == schedules.count else {
                throw InputError("two schedules of queue \(queue) have one name")
            }
            for schedule in schedules { try schedule.validate() }
        }
    }
}
