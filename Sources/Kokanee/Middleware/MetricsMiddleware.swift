public import RdKafka
internal import Synchronization

/// Measures how long attempts take, by queue and type, in the worker's ``Worker/metrics``.
///
/// | metric | is |
/// | --- | --- |
/// | `kokanee_attempt_milliseconds_bucket` | attempts that took `le` milliseconds at most |
/// | `kokanee_attempt_milliseconds_sum` | what all took together |
/// | `kokanee_attempt_milliseconds_count` | all attempts |
/// | `kokanee_attempts_thrown_total` | those that ended with an error |
public final class MetricsMiddleware: JobMiddleware {
    private struct Key: Hashable {
        var queue: String
        var type: String
    }

    private struct Series {
        /// By the bounds' indices, each of those that took no less than the bound before; one more for all others.
        var buckets = [Int64](repeating: 0, count: MetricsMiddleware.bounds.count + 1)
        var microseconds: Int64 = 0
        var thrown: Int64 = 0
    }

    /// In milliseconds.
    private static let bounds: [Int64] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000]
    /// What a catch-all handler's jobs are called is for others to say: further types count as one.
    private static let mostSeries = 1000

    private let series = Mutex<[Key: Series]>([:])

    public init() {}

    public nonisolated(nonsending) func perform(
        _ payload: Bytes,
        _ context: JobContext,
        next: NextHandler
    ) async throws {
        let start = ContinuousClock.now
        do {
            try await next(payload, context)
        } catch {
            note(context, since: start, hasThrown: true)
            throw error
        }
        note(context, since: start, hasThrown: false)
    }

    /// Adds what is measured to a worker's metrics.
    public func attach(to metrics: MetricsRegistry) {
        metrics.collect { [weak self] in self?.samples ?? [] }
    }

    private func note(_ context: JobContext, since start: ContinuousClock.Instant, hasThrown: Bool) {
        let took = start.duration(to: .now)
        let bucket = Self.bounds.firstIndex { took <= .milliseconds($0) } ?? Self.bounds.count
        let key = Key(queue: context.queue, type: context.type)
        series.withLock { series in
            let isKnown = series[key] != nil || series.count < Self.mostSeries
            let key = isKnown ? key : Key(queue: key.queue, type: "other")
            series[key, default: Series()].buckets[bucket] += 1
            series[key]?.microseconds += Int64(took / .microseconds(1))
            if hasThrown { series[key]?.thrown += 1 }
        }
    }

    private var samples: [MetricsSnapshot.Sample] {
        series.withLock { $0 }.flatMap { key, series in
            let labels: [MetricsSnapshot.Label] = [.init("queue", key.queue), .init("type", key.type)]
            func sample(
                _ part: String,
                _ value: Int64,
                _ further: [MetricsSnapshot.Label] = []
            ) -> MetricsSnapshot.Sample {
                let help = "How long attempts took."
                let name = "kokanee_attempt_milliseconds_\(part)"
                return .init(name, help, .histogram, labels: labels + further, value: value)
            }
            var count: Int64 = 0
            var samples: [MetricsSnapshot.Sample] = []
            for (index, bucket) in series.buckets.enumerated() {
                count += bucket
                let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
                samples.append(sample("bucket", count, [.init("le", bound)]))
            }
            samples.append(sample("sum", series.microseconds / 1000))
            samples.append(sample("count", count))
            samples.append(
                .init(
                    "kokanee_attempts_thrown_total",
                    "Attempts that ended with an error.",
                    .counter,
                    labels: labels,
                    value: series.thrown
                )
            )
            return samples
        }
    }
}
