/// What the numbers that a worker keeps are called in its metrics.
enum WorkerMetrics {
    private struct Counted {
        let name: String
        let help: String
        let read: @Sendable (WorkerStatistics) -> Int64

        init(_ name: String, _ help: String, _ read: @escaping @Sendable (WorkerStatistics) -> Int64) {
            self.name = "kokanee_\(name)_total"
            self.help = help
            self.read = read
        }
    }

    private static let counted = [
        Counted("jobs_completed", "Jobs whose handler returned.") { Int64($0.completed) },
        Counted("attempts_failed", "Attempts that threw or overran their timeout.") { Int64($0.failedAttempts) },
        Counted("jobs_retried", "Jobs moved to a rung after a failed attempt.") { Int64($0.retried) },
        Counted("jobs_delayed", "Jobs moved because their due time is ahead.") { Int64($0.delayed) },
        Counted("jobs_limited", "Jobs moved to a rung because too many waited for a limit.") { Int64($0.limited) },
        Counted("jobs_dead", "Jobs that became dead letters.") { Int64($0.dead) },
        Counted("jobs_discarded", "Jobs that a handler discarded, or that had expired.") { Int64($0.discarded) },
        Counted("jobs_cancelled", "Jobs that an operator cancelled.") { Int64($0.cancelled) },
        Counted("attempts_stuck", "Attempts that ignored their cancellation.") { Int64($0.stuck) },
        Counted("hops_failed", "Hops that a broker refused or that timed out, each time.") { Int64($0.failedHops) },
        Counted("circuit_opened", "Times that too many jobs died and the circuit opened.") { Int64($0.circuitOpened) },
        Counted("lapses", "Times that the worker stood still for so long that it had to ask for its membership.") {
            Int64($0.lapses)
        },
        Counted("records_lost_to_retention", "Records that retention took before they were worked.") {
            $0.lostToRetention
        },
    ]

    /// - Parameter queues: their names, in the order of their indices.
    static func samples(
        _ statistics: StatisticsTable,
        fenced: Int,
        queues: [String]
    ) -> [MetricsSnapshot.Sample] {
        var samples = queues.enumerated().flatMap { index, queue in
            counted.map { counter in
                let value = counter.read(statistics[Int32(index)])
                return MetricsSnapshot.Sample(
                    counter.name,
                    counter.help,
                    .counter,
                    labels: [.init("queue", queue)],
                    value: value
                )
            }
        }
        samples.append(
            .init(
                "kokanee_attempts_fenced_total",
                "Attempts whose partition was somebody else's by the time they ended.",
                .counter,
                value: Int64(fenced)
            )
        )
        return samples
    }

    static func gauges(
        inFlight: Int,
        abandoned: Int,
        unacknowledged: Int,
        health: Health
    ) -> [MetricsSnapshot.Sample] {
        [
            .init("kokanee_jobs_in_flight", "Jobs that are read and not finished.", .gauge, value: Int64(inFlight)),
            .init(
                "kokanee_attempts_abandoned",
                "Attempts that were given up and still run.",
                .gauge,
                value: Int64(abandoned)
            ),
            .init(
                "kokanee_producer_unacknowledged",
                "Records produced that the brokers have not acknowledged.",
                .gauge,
                value: Int64(unacknowledged)
            ),
            .init(
                "kokanee_alerts",
                "What is wrong with the worker at this moment.",
                .gauge,
                value: Int64(health.alerts.count)
            ),
        ]
    }

    /// How often an alert of a kind was raised.
    static func alertsRaised(
        _ kind: Alert.Kind,
        queue: String?,
        in registry: MetricsRegistry
    ) -> MetricsRegistry.Counter {
        registry.counter(
            "kokanee_alerts_raised_total",
            help: "Times that the watch found something wrong.",
            labels: [.init("kind", kind.name)] + (queue.map { [.init("queue", $0)] } ?? [])
        )
    }
}
