import Foundation
import Kokanee

/// One execution of an attempt, as its handler wrote it down. Times are nanoseconds of the machine's monotonic clock.
struct ChaosExecution: Equatable, Sendable {
    enum Outcome: String, Decodable, Sendable {
        case ok, failed, rejected
        /// The handler was told to end in the middle.
        case cut
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
            guard line.event == "start" else {
                // A handler that is told to end just when it has ended a job may say so twice.
                guard let index = open.removeValue(forKey: handler) else { continue }
                executions[index].end = line.at
                executions[index].outcome = line.outcome
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
                    start: line.at
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
        job = None
        def note(event, outcome=None):
            entry = {"event": event, "at": time.monotonic_ns(), "worker": sys.argv[2], "pid": os.getpid(),
                     "id": job["id"], "key": job.get("key"), "attempt": job["attempt"], "source": job["source"],
                     "outcome": outcome}
            os.write(ledger, (json.dumps(entry) + "\\n").encode())
        def cut(number, frame):
            if job: note("end", "cut")
            os._exit(143)
        signal.signal(signal.SIGTERM, cut)
        for line in iter(sys.stdin.readline, ""):
            job = json.loads(line)
            data = job["data"]
            note("start")
            time.sleep(data["ms"] / 1000)
            answer = {"id": job["id"], "ok": True}
            outcome = "ok"
            if data.get("reject"):
                answer.update(ok=False, error="rejected", retry=False)
                outcome = "rejected"
            elif job["attempt"] <= data.get("failures", 0):
                answer.update(ok=False, error="broken at attempt %d" % job["attempt"], retry=True)
                outcome = "failed"
            note("end", outcome)
            job = None
            sys.stdout.write(json.dumps(answer) + "\\n"); sys.stdout.flush()

        """
}
