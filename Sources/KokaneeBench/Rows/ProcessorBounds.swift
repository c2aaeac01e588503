/// What a machine's processors allow at most, where jobs cost what bare code takes for them and a bare loop for reading them.
///
/// The rows whose targets are relative to decoding alone, or to sleeping alone, leave little of the processors for anything else:
/// these say how little here. A job costs the processor time of a record in the loop of rd_kafka_consume_batch_queue that the
/// row `work` is measured beside, with the embedded broker's part, and that of one decoding, or of one Task.sleep among so many.
/// All processors at work all the time give the rate. It is reckoned, so that no order in which threads run is in it; reading
/// headers, order, completion and commits cost nothing in it.
struct ProcessorBounds: Experiment {
    private static let sleeps = [(100, 100), (100, 1000), (1000, 1000)].map { microseconds, concurrency in
        SleepingWork(microseconds: microseconds, concurrency: concurrency, isZipf: false)
    }

    private static func name(_ sleep: SleepingWork) -> String { "bound-" + sleep.name }

    let rows =
        [
            Row(
                "bound-work-json",
                "what the processors allow a bare loop and bare decoding, beside decoding alone",
                unit: "jobs/s",
                nil,
                isQuick: false
            )
        ]
        + sleeps.map { sleep in
            Row(
                name(sleep),
                "what the processors allow a bare loop and bare sleeping, beside sleeping alone",
                unit: "jobs/s",
                nil,
                isQuick: false
            )
        }

    func begin(_ stage: Stage) throws -> any Trial {
        let (queue, jobs) = try stage.backlog(of: 500_000, least: 2000, payload: .json)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (reading, rounds) = try turn.take {
                let before = stage.brokerSeconds
                let loop = try stage.part("consume", on: queue, ["jobs": "\(jobs)"]).require("processor")
                return loop + (stage.brokerSeconds - before) / Double(jobs)
            } baseline: {
                var rounds = ["bound-work-json": try decoding()]
                for sleep in ProcessorBounds.sleeps { rounds[ProcessorBounds.name(sleep)] = try sleeping(sleep) }
                return rounds
            }
            return rounds.mapValues { work in
                let bound = Double(stage.settings.cores) / (reading + work.processor)
                return .init(value: bound, baseline: work.rate)
            }
        }

        /// The rate of decoding alone, and what one takes of the processors, in seconds.
        private func decoding() throws -> (rate: Double, processor: Double) {
            let bare = try stage.decode(jobs: jobs)
            return (try bare.require("rate"), try bare.require("processor"))
        }

        private func sleeping(_ sleep: SleepingWork) throws -> (rate: Double, processor: Double) {
            let bare = try stage.sleep(microseconds: sleep.microseconds, tasks: sleep.concurrency)
            return (Double(sleep.concurrency) / (try bare.require("seconds")), try bare.require("processor"))
        }
    }
}
