import Foundation
import RdKafka
import Synchronization
import Testing

@testable import Kokanee

/// A directory of scripts that is gone with the test.
final class ScriptDirectory: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "kokanee-process-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func path(_ name: String) -> String { url.appending(path: name).path }

    /// - Returns: the command that runs it.
    func python(_ source: String, name: String = "handler.py") throws -> String {
        try source.write(toFile: path(name), atomically: true, encoding: .utf8)
        return "exec python3 \(path(name))"
    }

    func touch(_ name: String) {
        _ = FileManager.default.createFile(atPath: path(name), contents: nil)
    }

    func contents(_ name: String) -> String? { try? String(contentsOfFile: path(name), encoding: .utf8) }
}

/// A logger that keeps what it is given.
final class LogCollector: Sendable {
    private let entries = Mutex<[String]>([])

    var logger: Logger {
        Logger(minimumLevel: .debug) { [self] entry in
            let fields = entry.fields.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            entries.withLock { $0.append("\(entry.level) \(entry.message) \(fields)") }
        }
    }

    var lines: [String] { entries.withLock(\.self) }

    func contains(_ text: String) -> Bool { lines.contains { $0.contains(text) } }
}

enum ProcessTest {
    /// Serves lines until its input ends; `serve(job)` returns what is to be written.
    static let prelude = """
        import json, os, signal, sys, time
        def say(**answer):
            sys.stdout.write(json.dumps(answer) + "\\n"); sys.stdout.flush()
        def jobs():
            for line in iter(sys.stdin.readline, ""):
                yield json.loads(line)

        """

    static let echo =
        prelude + """
            for job in jobs():
                say(id=job["id"], ok=True)

            """

    static func context(_ id: String, key: Bytes? = nil, attempt: Int = 1) -> JobContext {
        JobContext(
            queue: "q",
            envelope: Envelope(id: id, type: "t", attempt: attempt),
            maximumAttempts: 6,
            key: key,
            source: Envelope.Origin(topic: "q", partition: 7, offset: 1_234_567_890_123)
        )
    }

    /// Waits for a condition, up to a deadline that no working machine needs.
    static func eventually(
        within limit: Duration = .seconds(20),
        _ condition: () -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let end = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < end else {
                Issue.record("did not come true", sourceLocation: sourceLocation)
                return
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    static func isAlive(_ pid: pid_t) -> Bool { kill(pid, 0) == 0 }

    static var openDescriptors: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }
}
