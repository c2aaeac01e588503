/// The values of a worker's metrics at one moment.
public struct MetricsSnapshot: Sendable, Hashable {
    /// Whether a metric only rises. There may be more kinds in time.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        /// As Prometheus calls it.
        public let name: String

        /// Rises for as long as the process lives.
        public static let counter = Kind(name: "counter")
        /// Rises and falls.
        public static let gauge = Kind(name: "gauge")
        /// How often which values occurred: counts of those up to a bound, `le`, with their sum and number.
        public static let histogram = Kind(name: "histogram")

        public var description: String { name }
    }

    /// One label of a value: a dimension of the metric, such as the queue.
    public struct Label: Sendable, Hashable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// One value of a metric.
    public struct Sample: Sendable, Hashable {
        /// After Prometheus' conventions: `kokanee_jobs_completed_total`.
        public let name: String
        /// What it counts, in a sentence.
        public let help: String
        public let kind: Kind
        public let labels: [Label]
        public let value: Int64

        public init(_ name: String, _ help: String, _ kind: Kind, labels: [Label] = [], value: Int64) {
            self.name = name
            self.help = help
            self.kind = kind
            self.labels = labels
            self.value = value
        }
    }

    /// Ordered by name, then by labels.
    public let samples: [Sample]

    public init(_ samples: [Sample]) {
        self.samples = samples.sorted { first, second in
            let order = (first.labels.map(\.value), second.labels.map(\.value))
            return first.name == second.name ? order.0.lexicographicallyPrecedes(order.1) : first.name < second.name
        }
    }

    /// The sum of a metric's values over all labels but those given; 0 where there is none.
    public func value(of name: String, _ labels: Label...) -> Int64 {
        samples.reduce(0) { sum, sample in
            guard sample.name == name, labels.allSatisfy(sample.labels.contains) else { return sum }
            return sum + sample.value
        }
    }

    /// The counters by name, of one queue and of no queue in particular, summed over their other labels.
    func counters(ofQueue queue: String) -> [String: Int64] {
        samples.reduce(into: [:]) { sums, sample in
            let belongs = sample.labels.allSatisfy { $0.name != "queue" || $0.value == queue }
            guard sample.kind == .counter, belongs else { return }
            sums[sample.name, default: 0] += sample.value
        }
    }
}
