/// What the numbers that a worker keeps are called in its metrics.
enum WorkerMetrics {
    /// What each counter of a queue reads.
    private static let counters: [(name: String, help: String, read: @Sendable (WorkerStatistics) -> Int64)] = [
        ("kokanee_jobs_completed_total", "Jobs whose handler returned.", { Int64($0.completed) }),
        ("kokanee_attempts_failed_total", "Attempts that threw or overran their timeout.", { Int64($0.failedAttempts) }),
        ("kokanee_jobs_retried_total", "Jobs moved to a rung after a failed attempt.", { Int64($0.retried) }),
        ("kokanee_jobs_delayed_total", "Jobs moved because their due time is ahead.", { Int64($0.delayed) }),
        ("kokanee_jobs_dead_total", "Jobs that became dead letters.", { Int64($0.dead) }),
        ("kokanee_jobs_discarded_total", "Jobs that a handler discarded, or that had expired.", { Int64($0.discarded) }),
        ("kokanee_attempts_stuck_total", "Attempts that ignored their cancellation.", { Int64($0.stuck) }),
        ("kokanee_hops_failed_total", "Hops that a broker refused or that timed out, each time.", { Int64($0.failedHops) }),
        (
            "kokanee_records_lost_to_retention_total", "Records that retention took before they were worked.",
            { $0.lostToRetention }
        ),
    ]

    /// - Parameter queues: their names, in the order of their indices.
    static func samples(
        _ statistics: StatisticsTable,
        fenced: Int,
        queues: [String]
    ) -> [MetricsSnapshot.Sample] {
        var samples = queues.enumerated().flatMap { index, queue in
            counters.map { counter in
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
    static func alertsRaised(_ kind: Alert.Kind, queue: String?, in registry: MetricsRegistry) -> MetricsRegistry.Counter {
        registry.counter(
            "kokanee_alerts_raised_total",
            help: "Times that the watch found something wrong.",
            labels: [.init("kind", kind.name)] + (queue.map { [.init("queue", $0)] } ?? [])
        )
    }
}
