internal import Synchronization

/// A worker's metrics: counters and gauges with labels, under names after Prometheus' conventions.
///
/// What every job touches is counted elsewhere, in plain numbers, and is read by a collector when somebody asks.
/// ``Counter``s are for what happens rarely.
public final class MetricsRegistry: Sendable {
    /// A number that only rises.
    public final class Counter: Sendable {
        private let count = Atomic<Int64>(0)

        public var value: Int64 { count.load(ordering: .relaxed) }

        /// - Parameter amount: 0 or more.
        public func add(_ amount: Int64 = 1) {
            count.add(amount, ordering: .relaxed)
        }
    }

    /// Reads numbers that are kept elsewhere, when they are asked for.
    public typealias Collector = @Sendable () -> [MetricsSnapshot.Sample]

    private struct Key: Hashable {
        var name: String
        var labels: [MetricsSnapshot.Label]
    }

    private struct State {
        var counters: [Key: (counter: Counter, help: String)] = [:]
        var collectors: [Collector] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// The counter of that name and those labels, which is made where it is new.
    ///
    /// - Parameters:
    ///   - name: lower case letters, digits and `_`, ending in `_total`.
    ///   - help: what it counts; that of the first call stays.
    public func counter(_ name: String, help: String, labels: [MetricsSnapshot.Label] = []) -> Counter {
        let key = Key(name: name, labels: labels)
        return state.withLock { state in
            if let known = state.counters[key] { return known.counter }
            let counter = Counter()
            state.counters[key] = (counter, help)
            return counter
        }
    }

    /// Adds what a closure reads to each snapshot. It is called on the thread that asks for one.
    public func collect(_ collector: @escaping Collector) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// All values at this moment.
    public func snapshot() -> MetricsSnapshot {
        let collectors = state.withLock { $0.collectors }
        return MetricsSnapshot(countersNow() + collectors.flatMap { $0() })
    }

    /// The counters alone, which no collector can keep waiting.
    func countersNow() -> [MetricsSnapshot.Sample] {
        state.withLock { state in
            state.counters.map { key, entry in
                .init(key.name, entry.help, .counter, labels: key.labels, value: entry.counter.value)
            }
        }
    }
}
