/// Jobs that processes of a Python program work, beside the same program fed by `cat` with the same lines: as many processes,
/// each with its share of them.
struct HandlerProcesses: Experiment {
    let rows = [
        Row("handler", "--handler with Python, --write-ahead 128, beside cat", unit: "jobs/s", .ratioAtLeast(0.8))
    ]

    /// Reads a line, decodes it, answers it.
    private static let program = """
        import json, sys
        write, flush = sys.stdout.write, sys.stdout.flush
        for line in sys.stdin:
            job = json.loads(line)
            write(json.dumps({"id": job["id"], "ok": True}) + "\\n")
            flush()
        """

    private static let processes = 2

    func begin(_ stage: Stage) throws -> any Trial {
        guard let python = Self.python() else { throw BenchSkip(description: "there is no python3 on this machine") }
        let queue = try stage.queue()
        let jobs = stage.scaled(300_000, least: 400) / Self.processes * Self.processes
        try stage.fill(queue, jobs: jobs, payload: .json)
        return Running(stage: stage, queue: queue, jobs: jobs, command: "exec \(python) -c '\(Self.program)'")
    }

    /// The interpreter itself, where `python3` is a script that looks for it.
    private static func python() -> String? {
        guard
            let child = try? ChildProcess(
                "/bin/sh",
                ["-c", "exec python3 -c 'import sys; print(sys.executable)' 2>/dev/null"]
            )
        else { return nil }
        let line = child.line()
        return child.wait() == 0 ? line.map { String(decoding: $0, as: UTF8.self) } : nil
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int
        let command: String

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let (ours, bare) = try turn.take {
                let words = ["concurrency": "\(HandlerProcesses.processes)", "command": command, "write-ahead": "128"]
                return try stage.work(queue, jobs: jobs, .pool, words)
            } baseline: {
                let words = ["jobs": "\(jobs)", "processes": "\(HandlerProcesses.processes)", "command": command]
                return try stage.part("lines-bare", words)
            }
            return ["handler": .init(value: try ours.require("rate"), baseline: try bare.require("rate"))]
        }
    }
}

/// Jobs that each run a command, by way of `/bin/sh -c` and with the payload on its standard input, beside `xargs -P` that runs
/// the same by way of the same shell, as many at a time.
struct CommandRuns: Experiment {
    let rows = [
        Row("exec", "--exec /bin/true, beside xargs -P", unit: "jobs/s", .ratioAtLeast(0.8))
    ]

    /// What the command line takes on a machine of few processors.
    private static let processes = 4

    func begin(_ stage: Stage) throws -> any Trial {
        let (queue, jobs) = try stage.backlog(of: 4000, least: 100, payload: .json)
        return Running(stage: stage, queue: queue, jobs: jobs)
    }

    private struct Running: Trial {
        let stage: Stage
        let queue: Stage.StageQueue
        let jobs: Int

        func measure(_ turn: Turn) throws -> [String: Measurement.Round] {
            let command = ["command": "/bin/true"]
            let (ours, bare) = try turn.take {
                let words = ["concurrency": "\(CommandRuns.processes)"]
                return try stage.work(queue, jobs: jobs, .exec, command.merging(words) { $1 })
            } baseline: {
                let words = ["jobs": "\(jobs)", "processes": "\(CommandRuns.processes)"]
                return try stage.part("xargs", command.merging(words) { $1 })
            }
            return ["exec": .init(value: try ours.require("rate"), baseline: try bare.require("rate"))]
        }
    }
}
