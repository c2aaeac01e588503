/// From the time at which a job was meant to be enqueued to its handler's start, beside the same from a bare producer to a
/// bare consumer. Jobs go on a fixed schedule that waits for nobody, so that no pause hides what it held up.
struct Latency: Experiment {
    /// Jobs a second.
    let rate: Int

    private var name: String { "latency-\(rate / 1000)k" }

    var rows: [Row] {
        [("p50", 2.0), ("p99", 10.0)].map { percentile, bound in
            Row(
                "\(name)-\(percentile)",
                "enqueue to start at \(rate) jobs/s, beside a bare pair",
                unit: "ms",
                .excessAtMost(bound),
                isQuick: rate == 1000
            )
        }
    }

    func begin(_ stage: Stage) throws -> any Trial {
        Running(name: name, stage: stage, rate: rate, jobs: stage.scaled(rate * 10, least: 100))
    }

    private struct Running: Trial {
        let name: String
        let stage: Stage
        let rate: Int
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            var words = ["rate": "\(rate)", "jobs": "\(jobs)"]
            // The embedded broker answers a fetch that finds nothing when its time is up, not when a record comes: without
            // this both sides wait for up to half a second, and a millisecond of ours would be lost in that.
            if stage.settings.cluster == nil { words["fetch-wait"] = "1" }
            let (ours, bare) = try turn.take {
                try stage.part("latency", on: stage.queue(), words)
            } baseline: {
                try stage.part("latency-bare", on: stage.queue(), words)
            }
            var rounds: [String: Measurement.Round] = [:]
            for percentile in ["p50", "p99"] {
                let values = (try ours.require(percentile), try bare.require(percentile))
                rounds["\(name)-\(percentile)"] = .init(value: values.0, baseline: values.1)
            }
            return rounds
        }
    }
}
