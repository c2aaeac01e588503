@testable import Kokanee

extension WorkerReport {
    /// Of a worker of group `g` of which there is nothing else to say.
    static func plain(_ name: String, hold: Hold? = nil, running: [RunningJob] = [], limited: [String] = [])
        -> WorkerReport
    {
        WorkerReport(
            at: 0,
            queue: "q",
            group: "g",
            name: name,
            version: "",
            started: 0,
            health: .ok,
            alerts: [],
            circuit: .closed,
            hold: hold,
            running: running,
            limited: limited,
            counters: [:]
        )
    }
}
