/// The report for programs. Fields are only ever added.
extension RehearsalReport {
    package var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("id", plan.id)
        object.add("queue", plan.queue)
        object.add("build", orNull: build)
        object.add("startedAt", Timestamp.text(startedAt))
        object.add("endedAt", Timestamp.text(endedAt))
        object.add("complete", isComplete)
        object.add("regressions", regressions)
        object.add("mended", mended)
        object.add("stillFailing", stillFailing)
        object.add("scanned", scanned)
        object.add("matched", matched)
        object.add("sample", orNull: sample)
        object.add("rehearsed", rehearsed)
        object.add("nowFine", nowFine)
        object.add("nowBad", nowBad)
        object.add("expired", expired)
        var outcomes = JSONObjectWriter()
        for before in Rehearsal.Before.allCases {
            outcomes.add(before.rawValue, object: Self.json(self.outcomes(before)))
        }
        object.add("outcomes", object: outcomes)
        object.add("errors", objects: errors.map(Self.json))
        object.add("otherErrors", otherErrors)
        object.add("effects", objects: effects.map(Self.json))
        if let durations {
            var milliseconds = JSONObjectWriter()
            milliseconds.add("median", durations.median)
            milliseconds.add("p99", durations.p99)
            milliseconds.add("longest", durations.longest)
            object.add("attemptMilliseconds", object: milliseconds)
        } else {
            object.addNull("attemptMilliseconds")
        }
        object.add("partitions", objects: plan.partitions.map(Self.json))
        object.add("notes", notes)
        return object
    }

    private static func json(_ outcomes: Outcomes) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("succeeded", outcomes.succeeded)
        object.add("discarded", outcomes.discarded)
        object.add("failed", outcomes.failed)
        object.add("refused", outcomes.refused)
        object.add("expired", outcomes.expired)
        return object
    }

    private static func json(_ group: ErrorGroup) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("before", group.before.rawValue)
        object.add("regression", group.isRegression)
        object.add("pattern", group.pattern)
        object.add("reason", orNull: group.reason)
        object.add("count", group.count)
        object.add("examples", objects: group.examples.map { json($0, messageAs: "error") })
        return object
    }

    private static func json(_ group: EffectGroup) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("name", group.name)
        object.add("count", group.count)
        object.add("repeated", group.repeated)
        object.add("jobs", group.jobs)
        object.add("examples", objects: group.examples.map { json($0, messageAs: "detail") })
        return object
    }

    private static func json(_ example: Example, messageAs name: String) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("id", example.id)
        object.add("type", example.type)
        object.add("place", example.place)
        object.add(name, example.message)
        return object
    }

    private static func json(_ partition: ReplayPlan.Partition) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("partition", partition.partition)
        object.add("from", partition.from)
        object.add("to", partition.to)
        object.add("lostToRetention", partition.lostToRetention)
        return object
    }
}

extension JSONObjectWriter {
    fileprivate mutating func add(_ name: String, orNull text: String?) {
        if let text { add(name, text) } else { addNull(name) }
    }
}
