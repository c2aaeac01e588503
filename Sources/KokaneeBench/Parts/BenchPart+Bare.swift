internal import CBaseline
internal import Kokanee
internal import RdKafka

/// The parts that call the C loops.
extension BenchPart {
    /// The type of all jobs.
    static let jobType = "bench"

    static func produceBare(_ input: PartInput) async throws -> Metrics {
        let count = try input.integer("jobs")
        let keys = try input.keys(count: count)
        guard let payload = Payload(rawValue: try input.text("payload")) else { throw BenchError("no such payload") }
        let topic = try input.text("topic")
        let warmup = try input.integer("warmup", default: 0)
        let partitions = try input.integer("partitions", default: 0)
        var properties = BareProperties.producer(input.properties)
        for (parameter, property) in [("compression", "compression.type"), ("batch", "batch.size")] {
            if let value = input.parameters[parameter] { properties[property] = value }
        }
        let result = try await OSThread.run(name: "bench:produce") { [properties] in
            try withPointers(payload.all) { payloads, lengths in
                try keys.withUnsafeBufferPointer { keys in
                    try topic.withCString { topic in
                        try jobType.withCString { type in
                            var load = cbaseline_load()
                            load.topic = topic
                            load.partitions = Int32(partitions)
                            load.records = UInt64(count)
                            load.warmup = UInt64(warmup)
                            load.keys = keys.baseAddress
                            load.payloads = payloads.baseAddress
                            load.lengths = lengths.baseAddress
                            load.payload_count = payloads.count
                            load.type = type
                            return try bare(properties) { cbaseline_produce(&$0.properties, &load, &$0.result) }
                        }
                    }
                }
            }
        }
        return Metrics(["seconds": result.seconds, "rate": result.rate])
    }

    static func consumeBare(_ input: PartInput) async throws -> Metrics {
        let topic = try input.text("topic")
        let partitions = try input.integer("partitions")
        let jobs = UInt64(try input.integer("jobs"))
        let properties = BareProperties.consumer(input.properties, group: "\(topic).bare")
        let used = ProcessorTime.own
        let result = try await OSThread.run(name: "bench:consume") {
            try bare(properties) {
                cbaseline_consume(&$0.properties, topic, Int32(partitions), jobs, jobs / 20, &$0.result)
            }
        }
        let processor = ProcessorTime.own - used
        return Metrics(["seconds": result.seconds, "rate": result.rate, "processor": processor / Double(jobs)])
    }

    static func joinBare(_ input: PartInput) async throws -> Metrics {
        let topic = try input.text("queue")
        let group = try input.text("group")
        let properties = BareProperties.consumer(input.properties, group: group)
        let result = try await OSThread.run(name: "bench:join") {
            try bare(properties) { cbaseline_join(&$0.properties, topic, &$0.result) }
        }
        return Metrics(["first": result.seconds])
    }

    static func latencyBare(_ input: PartInput) async throws -> Metrics {
        let topic = try input.text("queue")
        let partitions = Int32(try input.integer("partitions"))
        let jobs = try input.integer("jobs")
        let period = UInt64(1_000_000_000 / (try input.integer("rate")))
        let producer = BareProperties.producer(input.properties)
        let consumer = BareProperties.consumer(input.consumer.properties, group: "\(topic).bare")
        return try await OSThread.run(name: "bench:latency") {
            var latencies = [Int64](repeating: 0, count: jobs)
            _ = try withCStrings(producer) { producer in
                var producer = producer
                return try bare(consumer) {
                    cbaseline_latency(
                        &producer,
                        &$0.properties,
                        topic,
                        partitions,
                        UInt64(jobs),
                        period,
                        &latencies,
                        &$0.result
                    )
                }
            }
            return Self.percentiles(latencies)
        }
    }

    /// Leaves the first twentieth out, which finds caches cold. In milliseconds.
    static func percentiles(_ latencies: some Collection<Int64>) -> Metrics {
        var histogram = Histogram()
        for latency in latencies.dropFirst(latencies.count / 20) { histogram.record(UInt64(max(0, latency))) }
        return Metrics([
            "p50": Double(histogram.value(atPercentile: 50)) / 1e6,
            "p99": Double(histogram.value(atPercentile: 99)) / 1e6,
            "max": Double(histogram.maximum) / 1e6,
        ])
    }

    static func spinBare(_ input: PartInput) async throws -> Metrics {
        let threads = try input.integer("threads")
        let calls = try input.integer("jobs")
        let iterations = try input.integer("iterations")
        let result = try await OSThread.run(name: "bench:spin") {
            try bare { cbaseline_spin_threads(UInt32(threads), UInt64(calls), UInt64(iterations), &$0.result) }
        }
        return Metrics(["seconds": result.seconds, "rate": result.rate])
    }

    /// How many steps take so many microseconds: the best of many tries, which nothing has interrupted.
    static func calibrateSpin(_ input: PartInput) async throws -> Metrics {
        let microseconds = try input.integer("microseconds")
        let steps: UInt64 = 1_000_000
        let best =
            (0..<50).map { _ -> Int64 in
                let start = cbaseline_now_ns()
                _ = cbaseline_spin(steps)
                return cbaseline_now_ns() - start
            }.min() ?? 1
        return Metrics(["iterations": (Double(steps) * Double(microseconds) * 1000 / Double(max(1, best))).rounded()])
    }
}

/// librdkafka's properties as Kokanee sets them, so that the bare loops run under the same ones. Those of the user's win.
enum BareProperties {
    /// As `Producer`.
    static func producer(_ given: [String: String]) -> [String: String] {
        let ours = [
            "linger.ms": "5",
            "partitioner": "murmur2_random",
            "queue.buffering.max.kbytes": "131072",
        ]
        return ours.merging(given) { $1 }.merging(["enable.idempotence": "true", "acks": "all"]) { $1 }
    }

    /// As `Worker` and `Consumer`, but for how much is fetched ahead: as much as librdkafka allows.
    ///
    /// Where a bound is met nothing is fetched for up to a second, which a worker has to deal with, because its memory is
    /// bounded. A bare loop is as fast as it can be where it never comes to that.
    static func consumer(_ given: [String: String], group: String) -> [String: String] {
        let ours = [
            "queued.min.messages": "10000000",
            "queued.max.messages.kbytes": "2097151",
            "session.timeout.ms": "15000",
            "fetch.error.backoff.ms": "100",
        ]
        let required = [
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range",
            "group.id": group,
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            "enable.partition.eof": "true",
        ]
        return ours.merging(given) { $1 }.merging(required) { $1 }
    }
}
