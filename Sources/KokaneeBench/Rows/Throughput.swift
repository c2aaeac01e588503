/// Enqueueing through `JobClient`, beside a loop of rd_kafka_producev with the same headers, keys, payload and properties.
///
/// Both produce to the same topic, of which the embedded broker drops the oldest: nobody reads it. Both wait for the
/// acknowledgement of all, and both leave out the first twentieth, in which connections are made.
struct Enqueueing: Experiment {
    let rows = [
        Row("enqueue", "JobClient, beside rd_kafka_producev", unit: "jobs/s", .ratioAtLeast(0.90))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        // The broker's memory grows to its bound before anything is measured.
        let (queue, jobs) = try stage.backlog(of: 600_000, least: 2000)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let words = ["jobs": "\(jobs)", "warmup": "\(jobs / 20)"]
            let (ours, bare) = try turn.take {
                try stage.part("enqueue", on: queue, words)
            } baseline: {
                let load = ["topic": queue.name, "keys": "cyclic:10000", "payload": Payload.raw.rawValue]
                return try stage.part("produce", load.merging(words) { $1 })
            }
            return ["enqueue": .init(value: try ours.require("rate"), baseline: try bare.require("rate"))]
        }
    }
}

/// Working with a handler that returns at once, beside a loop of rd_kafka_consume_batch_queue over the same topic that only
/// touches the records.
///
/// All that a worker does is in it: key order, completion tracking, commits each second, the ladder's rungs.
struct NoopWork: Experiment {
    let rows = [
        Row("work", "no-op jobs, beside rd_kafka_consume_batch_queue", unit: "jobs/s", .ratioAtLeast(0.75))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let (queue, jobs) = try stage.backlog(of: 600_000, least: 2000)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (ours, bare) = try turn.take {
                try stage.work(queue, jobs: jobs, .noop)
            } baseline: {
                try stage.part("consume", on: queue, ["jobs": "\(jobs)"])
            }
            return ["work": .init(value: try ours.require("rate"), baseline: try bare.require("rate"))]
        }
    }
}

/// The same with payloads that are decoded into a struct, beside decoding alone: the same payloads, by the same codec, from
/// memory, on as many bare threads as Swift's pool has.
struct JSONWork: Experiment {
    let rows = [
        Row("work-json", "jobs decoded from JSON, beside decoding alone", unit: "jobs/s", .ratioAtLeast(0.85))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        let (queue, jobs) = try stage.backlog(of: 500_000, least: 2000, payload: .json)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (ours, bare) = try turn.take {
                try stage.work(queue, jobs: jobs, .json)
            } baseline: {
                try stage.decode(jobs: jobs)
            }
            return ["work-json": .init(value: try ours.require("rate"), baseline: try bare.require("rate"))]
        }
    }
}

/// The codec by itself, beside Foundation's JSONDecoder: one thread, from memory.
struct JSONDecoding: Experiment {
    let rows = [
        Row("json-codec", "decoding, beside Foundation's JSONDecoder", unit: "ns/decode", .ratioAtMost(1))
    ]

    func begin(_ stage: Stage) throws -> any Trial {
        Running(stage: stage, jobs: stage.scaled(200_000, least: 2000))
    }

    private struct Running: Trial {
        let stage: Stage
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (ours, foundation) = try turn.take {
                try stage.part("decode", ["jobs": "\(jobs)", "threads": "1", "codec": "ours"])
            } baseline: {
                try stage.part("decode", ["jobs": "\(jobs)", "threads": "1", "codec": "foundation"])
            }
            let values = (try ours.require("nanoseconds"), try foundation.require("nanoseconds"))
            return ["json-codec": .init(value: values.0, baseline: values.1)]
        }
    }
}
