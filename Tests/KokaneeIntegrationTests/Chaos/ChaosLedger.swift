import Foundation
import Kokanee

/// One execution of an attempt, as its handler wrote it down. Times are nanoseconds of the machine's monotonic clock.
struct ChaosExecution: Equatable, Sendable {
    enum Outcome: String, Decodable, Sendable {
        case ok, failed, rejected
        /// The handler was told to end in the middle.
        case cut
    }

    /// How far a job had come, as its handler left it.
    struct Checkpoint: Equatable, Codable, Sendable {
        /// The job.
        var of: String
        var step: Int
    }

    /// A checkpoint that was handed to the worker.
    struct Left: Equatable, Sendable {
        var step: Int
        var at: Int64
    }

    var id: String
    var key: String
    var attempt: Int
    /// The worker, by the name that the run gave it.
    var worker: String
    var place: Envelope.Origin
    var start: Int64
    /// Nil where nobody wrote it down.
    var end: Int64?
    var outcome: Outcome?
    /// What it was given to go on from.
    var given: Checkpoint?
    var left: [Left] = []
    /// The last step that it made, or that it was given; nil where it makes none.
    var reached: Int?

    /// The step behind which the next one goes on, if nothing of it is lost.
    var level: Int { max(given?.step ?? 0, left.last?.step ?? 0) }
}

/// The file that all handlers of a run append to.
struct ChaosLedger: Sendable {
    let file: URL

    private struct Line: Decodable {
        let event: String
        let at: Int64
        let worker: String
        let pid: Int32
        let id: String
        let key: String?
        let attempt: Int
        let source: String
        let outcome: ChaosExecution.Outcome?
        let given: ChaosExecution.Checkpoint?
        let step: Int?
    }

    /// The number of its lines.
    var count: Int { Ledger(file: file).count }

    /// The executions, in the order of their starts.
    func executions() throws -> [ChaosExecution] {
        guard let data = try? Data(contentsOf: file) else { return [] }
        return try Self.executions(data)
    }

    static func executions(_ data: Data) throws -> [ChaosExecution] {
        struct Handler: Hashable {
            let worker: String
            let pid: Int32
        }
        let decoder = JSONDecoder()
        var executions: [ChaosExecution] = []
        // A handler runs one job at a time: an end belongs to its last start.
        var open: [Handler: Int] = [:]
        for text in data.split(separator: UInt8(ascii: "\n")) {
            let line = try decoder.decode(Line.self, from: text)
            let handler = Handler(worker: line.worker, pid: line.pid)
            if line.event == "left" {
                guard let index = open[handler], let step = line.step else { continue }
                executions[index].left.append(.init(step: step, at: line.at))
                continue
            }
            guard line.event == "start" else {
                // A handler that is told to end just when it has ended a job may say so twice.
                guard let index = open.removeValue(forKey: handler) else { continue }
                executions[index].end = line.at
                executions[index].outcome = line.outcome
                executions[index].reached = line.step
                continue
            }
            guard let place = Envelope.Origin(text: line.source) else {
                throw StandError("a handler was told no place that can be: \(line.source)")
            }
            open[handler] = executions.count
            executions.append(
                ChaosExecution(
                    id: line.id,
                    key: line.key ?? "",
                    attempt: line.attempt,
                    worker: line.worker,
                    place: place,
                    start: line.at,
                    given: line.given
                )
            )
        }
        return executions.sorted { $0.start < $1.start }
    }
}

/// The handler of a chaos run, in Python: its arguments are the ledger and the worker's name.
enum ChaosHandler {
    static let program = """
        import json, os, signal, sys, time
        ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        job = reached = None
        def note(event, outcome=None, given=None):
            entry = {"event": event, "at": time.monotonic_ns(), "worker": sys.argv[2], "pid": os.getpid(),
                     "id": job["id"], "key": job.get("key"), "attempt": job["attempt"], "source": job["source"],
                     "outcome": outcome, "given": given, "step": reached}
            os.write(ledger, (json.dumps(entry) + "\\n").encode())
        def say(**words):
            sys.stdout.write(json.dumps({"id": job["id"], **words}) + "\\n"); sys.stdout.flush()
        def cut(number, frame):
            if job: note("end", "cut")
            os._exit(143)
        signal.signal(signal.SIGTERM, cut)
        for line in iter(sys.stdin.readline, ""):
            reached = None
            job = json.loads(line)
            data, attempt = job["data"], job["attempt"]
            note("start", given=job.get("checkpoint"))
            outcome, answer = "ok", {"ok": True}
            if "steps" in data:
                reached = job.get("checkpoint", {"step": 0})["step"]
                last = (data["breaks"] + [data["steps"]] * attempt)[attempt - 1]
                while reached < last:
                    time.sleep(data["ms"] / 1000)
                    reached += 1
                    if reached % 2 == 0:
                        note("left")
                        say(checkpoint={"of": job["id"], "step": reached})
                if last < data["steps"]: outcome = "failed"
            else:
                time.sleep(data["ms"] / 1000)
                if data.get("reject"): outcome = "rejected"
                elif attempt <= data.get("failures", 0): outcome = "failed"
            if outcome != "ok":
                answer = {"ok": False, "error": "%s at attempt %d" % (outcome, attempt), "retry": outcome == "failed"}
            note("end", outcome)
            say(**answer)
            job = None

        """
}
