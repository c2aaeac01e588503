import Foundation
import TestSupport
import Testing

/// What a worker's watch sees, others see: in its log, in `status`, and by the end of a process that hangs.
@Suite(.besideOthers)
struct WatchTests {
    struct Status: Decodable {
        struct Report: Decodable {
            struct Alert: Decodable {
                let kind: String
                let place: String?
                let text: String
                let advice: String
            }

            let at: Int64
            let name: String
            let version: String
            let health: String
            let silent: Bool
            let circuit: String
            let alerts: [Alert]
        }

        let health: String?
        let circuit: String
        let metrics: [String: Int64]
        let workerReports: [Report]
    }

    static func status(of stand: Stand) async throws -> Status {
        let outcome = try await stand.start(["status", stand.queue, "--json"]).outcome(within: .seconds(30))
        guard outcome.code == 0 else { throw StandError("\(outcome)") }
        return try outcome.object(Status.self)
    }

    @Test("a job that waits too long for a slot is named in log and status, and a worker that ended is not there")
    func stuck() async throws {
        try await Stand.with(partitions: 2) { stand in
            let release = stand.scratch.file("release")
            try await stand.enqueue([
                #"{"type":"t","id":"the-holder","key":"a","data":{"do":"wait","file":"\#(release.path)"}}"#
            ])
            let worker = try stand.startWorker(
                HandlerProgram.obedient,
                ledger: nil,
                concurrency: 1,
                "--stalled-after",
                "2s"
            )
            try await stand.ledger.waitFor(lines: 1)
            // It takes the only slot, and has the right to: those behind it are held up by it, those of the other
            // partition by nothing that they would have to wait for.
            try await stand.enqueue((0..<20).map { #"{"type":"t","id":"other-\#($0)","key":"k\#($0)","data":{}}"# })
            try await eventually("status names it", within: .seconds(40)) {
                let status = try await Self.status(of: stand)
                return status.health == "degraded"
                    && status.workerReports.first?.alerts.first?.text.contains("waits for a slot") == true
            }
            let report = try #require(try await Self.status(of: stand).workerReports.first)
            #expect(report.alerts.map(\.kind) == ["stalled"])
            #expect(report.alerts.first?.text.contains("job other-") == true, "\(report)")
            #expect(!report.silent && report.circuit == "closed" && report.version == "0.1.0")
            let log = worker.error.split(separator: "\n").first { $0.contains("a watermark does not move") }
            #expect(log?.contains("job other-") == true && log?.contains(" do=") == true, "\(worker.error)")
            let told = try await stand.kokanee("status", stand.queue)
            #expect(told.output.contains("health degraded") && told.output.contains("do: "), "\(told)")
            try await eventually("the report is renewed") {
                try await Self.status(of: stand).workerReports.first.map { $0.at > report.at } == true
            }
            try Data().write(to: release)
            try await eventually("all is well again, and counted") {
                let status = try await Self.status(of: stand)
                return status.health == "ok" && status.metrics["kokanee_jobs_completed_total"] == 21
                    && status.metrics["kokanee_alerts_raised_total"] == 1
            }
            worker.signal(SIGTERM)
            #expect(try await worker.outcome(within: .seconds(40)).code == 0)
            let after = try await Self.status(of: stand)
            #expect(after.health == nil && after.workerReports.isEmpty)
        }
    }

    @Test(
        "a process whose thread hangs says so and ends, and another worker gets its partitions",
        arguments: [
            ("partitions.assigned=wedge", "the thread that polls queue"),
            ("hop.acknowledged=wedge", "the producer's thread"),
        ]
    )
    func wedged(plan: String, text: String) async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            try await stand.enqueue((0..<20).map { #"{"type":"t","id":"\#($0)","data":{"do":"reject"}}"# })
            let worker = try KokaneeProcess(
                ["work", stand.queue, "--exec", "exit 65", "--wedge-limit", "2s", "-X", "session.timeout.ms=6000"],
                scratch: stand.scratch,
                environment: ["KOKANEE_BOOTSTRAP_SERVER": stand.bootstrapServers, "KOKANEE_FAIL_POINTS": plan]
            )
            let outcome = try await worker.outcome(within: .seconds(40))
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.error.contains("kokanee: the process ends, so that others get its partitions: \(text)"))
            let worked = try await stand.workUntilIdle()
            #expect(worked.dead > 0, "\(worked)")
            #expect(Set(try await stand.deadLetters().compactMap { $0.header("ce_id") }).count == 20)
            #expect(try await stand.lag() == [:])
        }
    }

    @Test("a process whose log nobody reads ends as well, rather than to hold its partitions")
    func blockedLog() async throws {
        try await Stand.withGroups(partitions: 2) { stand in
            let script = """
                import os, sys
                os.set_blocking(3, False)
                for size in (4096, 1):
                    try:
                        while True: os.write(3, b'x' * size)
                    except BlockingIOError: pass
                os.set_blocking(3, True)
                """
            let fifo = stand.scratch.file("log").path
            let result = try await stand.shell(
                """
                mkfifo '\(fifo)'; exec 3<>'\(fifo)'; python3 -c "\(script)"
                kokanee work '\(stand.queue)' --exec true --wedge-limit 2s -X session.timeout.ms=6000 2>&3
                echo "ended with $?"
                """
            )
            #expect(result.contains("ended with 1"), "\(result)")
        }
    }
}
