/// Jobs that sleep, beside what a perfect worker could do.
///
/// The baseline is the lower of two:
/// - ``IdealSchedule``: greedy list scheduling of the same keys onto as many slots, each job as long as Task.sleep for that
///   time takes, on average, in bare tasks in the same round;
/// - the no-op ceiling: the same worker, with the same concurrency and on the same topic, whose handler returns at once, in
///   the same round.
struct SleepingWork: Experiment {
    let microseconds: Int
    let concurrency: Int
    let isZipf: Bool

    static let all: [any Experiment] = [100, 1000].flatMap { microseconds in
        [100, 1000].flatMap { concurrency in
            [true, false].map { isZipf in
                SleepingWork(microseconds: microseconds, concurrency: concurrency, isZipf: isZipf)
            }
        }
    }

    var name: String {
        let time = microseconds < 1000 ? "\(microseconds)us" : "\(microseconds / 1000)ms"
        return "sleep-\(time)-c\(concurrency)-\(isZipf ? "zipf" : "distinct")"
    }

    var rows: [Row] {
        [
            Row(
                name,
                "jobs that sleep, \(isZipf ? "Zipf keys over 10,000" : "distinct keys"), beside the ideal",
                unit: "jobs/s",
                .ratioAtLeast(0.95),
                isQuick: microseconds == 1000 && concurrency == 100
            )
        ]
    }

    /// Enough for seconds: with Zipf keys a tenth of all jobs are of one key, and run one after another.
    private var jobs: Int {
        switch (isZipf, microseconds, concurrency) {
        case (true, 1000, _): 40_000
        case (true, _, _): 60_000
        case (false, 1000, 100): 200_000
        case (false, _, _): 500_000
        }
    }

    private var keys: String { isZipf ? "zipf:10000" : "distinct" }

    func begin(_ stage: Stage) throws -> any Trial {
        let (queue, jobs) = try stage.backlog(of: jobs, least: 1000, keys: keys)
        guard let sequence = KeySequence(text: keys) else { throw BenchError("no such keys") }
        let ideal = IdealSchedule(keys: sequence.keys(count: jobs), slots: concurrency)
        return Running(experiment: self, stage: stage, queue: queue, jobs: jobs, ideal: ideal)
    }

    private struct Running: Trial {
        let experiment: SleepingWork
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int
        let ideal: IdealSchedule

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let words = ["concurrency": "\(experiment.concurrency)", "microseconds": "\(experiment.microseconds)"]
            let (ours, best) = try turn.take {
                try stage.work(queue, jobs: jobs, .sleep, words).require("rate")
            } baseline: {
                let ceiling = try stage.work(queue, jobs: jobs, .noop, words).require("rate")
                let bare = try stage.sleep(microseconds: experiment.microseconds, tasks: ideal.parallelism)
                let duration = try bare.require("seconds")
                return min(ceiling, ideal.rate(duration: duration))
            }
            return [experiment.name: .init(value: ours, baseline: best)]
        }
    }
}
