/// What the watch says of what it finds, and what to do about it.
enum WatchWords {
    typealias Words = (text: String, advice: String)

    /// What an alert's log lines are called.
    static func message(_ kind: Alert.Kind) -> String {
        switch kind {
        case .stalled: "a watermark does not move though there is work"
        case .notRead: "a partition is not read"
        case .overdue: "due jobs of a rung are not taken in"
        case .ignoredCancellation: "given-up attempts still run"
        case .notAssigned: "the group gives this worker no partitions"
        case .notPolling: "a queue's thread does not poll"
        case .producerNotPolling: "the producer's thread does not poll"
        case .notDelivering: "hops are not acknowledged"
        default: kind.name
        }
    }

    static func notPolling(_ queue: String, _ silence: Duration, isLocked: Bool, _ limit: Duration) -> Words {
        let lock = isLocked ? ", and the worker's lock is taken" : ""
        return (
            "the thread that polls queue \(queue) has not gone round for \(whole(silence))\(lock)",
            """
            see what holds it: gdb -p PID, thread kokanee:\(queue); a log that nobody reads blocks it, or a retry \
            policy of your own. After \(whole(limit)) it counts as wedged, and the process is to end
            """
        )
    }

    static func producerNotPolling(_ silence: Duration, _ limit: Duration) -> Words {
        (
            "the producer's thread has not gone round for \(whole(silence)): no hop can be acknowledged",
            """
            see what holds it: gdb -p PID, thread rdk:producer; a log that nobody reads blocks it. After \
            \(whole(limit)) it counts as wedged, and the process is to end
            """
        )
    }

    static func notDelivering(
        waiting: Int,
        oldest: Duration,
        failing: Int,
        _ trouble: WatchObservation.HopTroubleView?
    ) -> Words {
        var parts: [String] = []
        if waiting > 0, oldest > .zero {
            parts.append("\(waiting) records wait for their acknowledgement, the oldest for \(whole(oldest))")
        }
        if let trouble {
            let tries = "tried \(trouble.tries) times: \(trouble.error)"
            parts.append("\(failing) hops fail, one for \(whole(trouble.age)), \(tries)")
        }
        return (
            "the brokers do not take what is produced: \(parts.joined(separator: "; "))",
            """
            see whether the rungs' and the dead letters' partitions have leaders and enough in-sync replicas \
            (min.insync.replicas), and whether this client may write there; jobs that hop stay unfinished meanwhile, \
            and nothing is lost
            """
        )
    }

    static func overdue(
        _ partition: String,
        offset: Int64,
        _ late: Duration,
        _ shortage: WatchObservation.Shortage?
    ) -> Words {
        let reason = shortage.map(room) ?? "the reason is not known"
        return (
            "\(partition) holds jobs that are due, the first, at offset \(offset), for \(whole(late)): \(reason)",
            shortage.map(adviceOnRoom) ?? "if the worker's processors are not all busy, end it, and report this"
        )
    }

    static func stalled(_ partition: String, _ still: Duration, _ holder: WatchObservation.Holder) -> Words {
        let job = describe(holder.job)
        let opening = "the watermark of \(partition) has not moved for \(whole(still)): it is held by \(job), which"
        switch holder.activity {
        case .running(let age):
            return (
                "\(opening) has run for \(whole(age))",
                "see what the handler waits for; a shorter timeout ends such attempts, and the job is tried again"
            )
        case .ready:
            return (
                "\(opening) waits for a slot",
                "all slots are taken by other jobs: raise the concurrency, or start more workers"
            )
        case .limited:
            return (
                "\(opening) waits for a limit to let it start",
                "raise or clear the limit if it is too narrow: kokanee limits shows it"
            )
        case .waiting(let behind, let running):
            let other = behind.map(describe) ?? "another job"
            let doing = running.map { ", which has run for \(whole($0))" } ?? ""
            return (
                "\(opening) waits in its lane behind \(other)\(doing)",
                """
                jobs of one key run one at a time: see what that one waits for, or use a key that fewer jobs share, or \
                the order unordered
                """
            )
        case .held(let due):
            return (
                "\(opening) is held until \(Timestamp.text(due))",
                "it runs then; a ladder with a shorter first rung lets such jobs wait there, and their partition go on"
            )
        case .hopping(let trouble?):
            return (
                "\(opening) hops, tried \(trouble.tries) times in \(whole(trouble.age)), the last error: \(trouble.error)",
                """
                see whether the rung, or the dead-letter topic, has leaders and enough in-sync replicas, and whether \
                this client may write there
                """
            )
        case .hopping(nil):
            return (
                "\(opening) hops and waits for the broker's acknowledgement",
                "see whether the rung's, or the dead-letter topic's, partition has a leader and enough in-sync replicas"
            )
        }
    }

    static func notAssigned(_ queue: String, group: String, _ wait: Duration) -> Words {
        let option = group == Queue.defaultGroup(of: queue) ? "" : " --group \(group)"
        return (
            "group \(group) has given this worker no partitions of queue \(queue) for \(whole(wait)): none of its jobs begin here",
            """
            see kokanee status \(queue)\(option): a group that rebalances waits for each of its members, the longest, up to \
            its max.poll.interval.ms, for one that hangs, which is told there as silent or not-polling. If it does not, see \
            whether its coordinator, a broker, is there, and whether this client may read the group and its topics: the log \
            has what the consumer reported
            """
        )
    }

    static func notRead(_ partition: String, _ still: Duration, _ shortage: WatchObservation.Shortage?) -> Words {
        if let shortage {
            return (
                "nothing has been read of \(partition) for \(whole(still)), and its end is not reached: \(room(shortage))",
                adviceOnRoom(shortage)
            )
        }
        return (
            "nothing has been read of \(partition) for \(whole(still)), and its end is not reached",
            """
            see whether the partition has a leader, and whether this client may read it; if others can read it, end \
            this worker, and report this
            """
        )
    }

    static func ignoredCancellation(_ count: Int, _ oldest: WatchObservation.Abandoned) -> Words {
        (
            """
            \(count) given-up attempts still run, the oldest for \(whole(oldest.age)): \(describe(oldest.job))
            """,
            """
            the handler has to look at Task.isCancelled and must not block its thread; until these end they take up \
            memory, and processors that others could use
            """
        )
    }

    static func circuit(_ circuit: QueueStatus.Circuit) -> Words {
        (
            "the queue's circuit is \(circuit): too many jobs became dead letters, and no more are taken in",
            "see kokanee dlq list for what they died of; after the repair the circuit closes by itself"
        )
    }

    // MARK: - Parts

    private static func room(_ shortage: WatchObservation.Shortage) -> String {
        switch shortage {
        case .intakeStopped: "the partition is being handed back"
        case .bytes(let limit): "\(limit) bytes of jobs are in flight, the most allowed"
        case .gap(let limit): "\(limit) offsets lie between its oldest unfinished job and its newest, the most allowed"
        case .jobs(let limit): "its share of the \(limit) jobs that may be in flight is taken"
        }
    }

    private static func adviceOnRoom(_ shortage: WatchObservation.Shortage) -> String {
        switch shortage {
        case .intakeStopped: "it goes on with the partition's next owner"
        case .bytes: "see which jobs run for so long; raise maximumInFlightBytes, or start more workers"
        case .gap: "see which job holds the partition's watermark"
        case .jobs: "see which jobs run for so long; raise the concurrency or maximumInFlight, or start more workers"
        }
    }

    private static func describe(_ job: WatchObservation.Job) -> String {
        let id = SafeText.line(job.id, limit: 200)
        return "job \(id) of type \(SafeText.line(job.type, limit: 200)), attempt \(job.attempt), at \(job.place)"
    }

    /// Whole seconds, or less where that is nothing: nobody needs to know the nanoseconds.
    private static func whole(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        return (seconds > 0 ? Duration.seconds(seconds) : .milliseconds(duration.milliseconds)).text
    }
}
