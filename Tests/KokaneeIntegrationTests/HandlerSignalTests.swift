import Foundation
import TestSupport
import Testing

/// What becomes of commands, and of their jobs, where signals come from outside.
@Suite(.besideOthers)
struct HandlerSignalTests {
    private static let job = [#"{"type":"t","id":"job","key":"key","data":{}}"#]

    /// Starts a worker whose command notes its number and sleeps for long.
    private func startSleeper(_ stand: Stand, _ kind: String) async throws -> (worker: KokaneeProcess, command: pid_t) {
        let note = stand.scratch.file("pid")
        try await stand.enqueue(Self.job)
        let worker = try stand.start(
            ["work", stand.queue, kind, "read line; echo $$ >'\(note.path)'; exec sleep 600", "--concurrency", "1"]
        )
        func noted() -> pid_t? {
            let text = (try? String(contentsOf: note, encoding: .utf8)) ?? ""
            return text.hasSuffix("\n") ? pid_t(text.dropLast()) : nil
        }
        try await eventually("the command runs", within: .seconds(30)) { noted() != nil }
        return (worker, try #require(noted()))
    }

    @Test(
        "a SIGTERM to all processes of a service costs the jobs in their hands no attempt",
        arguments: ["--handler", "--exec"]
    )
    func service(kind: String) async throws {
        try await Stand.with { stand in
            let (worker, command) = try await startSleeper(stand, kind)
            kill(command, SIGTERM)
            worker.signal(SIGTERM)
            let outcome = try await worker.outcome(within: .seconds(40))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(!outcome.error.contains("attempt failed"), "\(outcome)")
            #expect(try await stand.lag() == [stand.queue: 1], "it is read again where it was")
        }
    }

    @Test("a SIGTERM to a command alone fails its job", arguments: ["--handler", "--exec"])
    func alone(kind: String) async throws {
        try await Stand.with(ladder: "1h") { stand in
            let (worker, command) = try await startSleeper(stand, kind)
            kill(command, SIGTERM)
            try await eventually("the attempt has failed") {
                worker.error.split(separator: "\n").contains {
                    $0.contains("attempt failed") && $0.contains("killed by SIGTERM")
                }
            }
            worker.signal(SIGTERM)
            #expect(try await worker.outcome(within: .seconds(40)).code == 0)
            #expect(try await stand.lag(rungs: ["1h"]) == ["\(stand.queue).retry.1h": 1])
        }
    }

    @Test("a worker that is ended at once leaves no command behind", arguments: ["--handler", "--exec"])
    func atOnce(kind: String) async throws {
        try await Stand.with { stand in
            let (worker, command) = try await startSleeper(stand, kind)
            worker.signal(SIGINT)
            try await eventually("the worker is ending") { worker.error.contains("second SIGINT") }
            worker.signal(SIGINT)
            #expect(try await worker.outcome(within: .seconds(10)).code == 130)
            // Gone, or a zombie of whoever adopted it.
            try await eventually("the command is killed") {
                guard let stat = try? String(contentsOfFile: "/proc/\(command)/stat", encoding: .utf8) else {
                    return true
                }
                return stat.contains(") Z ")
            }
        }
    }

    @Test("who starts kokanee with SIGCHLD ignored loses no command's verdict")
    func ignoredChildren() async throws {
        try await Stand.with { stand in
            try await stand.enqueue(Self.job)
            let said = try await stand.shell(
                "trap '' CHLD; exec kokanee work \(stand.queue) --exec 'cat >/dev/null' --until-idle --json"
            )
            #expect(said.contains(#""completed":1"#) && said.contains(#""failedAttempts":0"#), "\(said)")
        }
    }
}
