internal import CLinux
internal import Foundation
internal import Glibc
internal import RdKafka
internal import Synchronization

/// A broker in a process of its own (noida-db, which speaks Kafka's protocol), on a free local port, with its data in
/// a temporary directory. It can be stopped and started again with its data; it ends, at the latest, with this process.
///
/// Its path is in the environment's `KOKANEE_NOIDA_DB`, or it is `noida-db` on the PATH.
public final class BrokerProcess: Sendable {
    public struct CannotStart: Error, CustomStringConvertible {
        public let description: String
    }

    public let port: UInt16
    public var bootstrapServers: String { "127.0.0.1:\(port)" }

    private struct Running {
        let process: Subprocess
        /// The writing end of a pipe: while it is open the broker runs.
        let leash: Int32
    }

    private let scratch: Scratch
    private let state = Mutex<Running?>(nil)

    public init() async throws {
        scratch = try Scratch()
        port = try Self.freePort()
        try await start()
    }

    deinit {
        guard let running = state.withLock(\.self) else { return scratch.remove() }
        // The shell ends the broker and removes its data; it is for nobody to wait for it.
        close(running.leash)
        OSThread.start(name: "test:broker") { _ = running.process.wait() }
    }

    /// Starts the broker after ``stop()`` and waits until it answers.
    public func start() async throws {
        let environment = ProcessInfo.processInfo.environment
        let program = environment["KOKANEE_NOIDA_DB"] ?? "noida-db"
        let log = scratch.file("log")
        try? FileManager.default.removeItem(at: scratch.file("word"))
        var leash: [Int32] = [0, 0]
        guard pipe2(&leash, O_CLOEXEC) == 0 else {
            throw CannotStart(description: "no pipe: \(String(cString: strerror(errno)))")
        }
        defer { close(leash[0]) }
        let process = try Subprocess(
            "/bin/sh",
            [
                "-c", Self.script, "sh", scratch.directory.path, program, "start", "--data-dir",
                scratch.file("data").path, "--only", "kafka", "--kafka-port", String(port),
            ],
            input: .descriptor(leash[0]),
            output: log,
            errors: log
        )
        let running = Running(process: process, leash: leash[1])
        state.withLock { $0 = running }
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: bootstrapServers))
        do {
            try await eventually("the broker answers", within: .seconds(30)) {
                if !self.isRunning { return true }
                try await admin.reachable(timeout: .seconds(1))
                return true
            }
        } catch {
            throw CannotStart(description: "\(program) does not answer on port \(port): \(error)")
        }
        guard isRunning else {
            let output = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            throw CannotStart(
                description: "\(program) ended at once; `make test` installs it, or set KOKANEE_NOIDA_DB: \(output)"
            )
        }
    }

    /// Ends the broker by SIGTERM and waits for it; its data stay for ``start()``.
    public func stop() async throws {
        let running = state.withLock { state in
            defer { state = nil }
            return state
        }
        guard let running else { return }
        _ = try await OSThread.run(name: "test:broker") {
            // If the broker has ended by itself nobody reads it, which is no error here.
            signal(SIGPIPE, SIG_IGN)
            _ = write(running.leash, "keep\n", 5)
            close(running.leash)
            return running.process.wait()
        }
    }

    private var isRunning: Bool { state.withLock { $0?.process.isRunning ?? false } }

    /// Runs the broker until stdin ends, which it does when the test process is gone, however it went.
    ///
    /// The broker has a session, and so a process group, of its own: it may be a wrapper that hands no signal on,
    /// and is gone before what it wraps.
    /// It has the lowest priority, as it answers fetches that find nothing at once, and is asked again as soon.
    /// The directory is removed in the end, unless stdin said a word before it ended, or the broker ended by itself.
    private static let script = """
        directory=$1; shift
        exec 3<&0
        setsid nice -n 19 "$@" </dev/null &
        broker=$!
        {
            read -r word
            echo "$word" >"$directory/word"
            kill -TERM -$broker || kill -TERM $broker
        } <&3 2>/dev/null &
        watcher=$!
        exec 3<&-
        wait $broker
        while kill -0 -$broker 2>/dev/null; do sleep 0.02; done
        kill $watcher 2>/dev/null
        [ ! -f "$directory/word" ] || [ -n "$(cat "$directory/word")" ] || rm -rf "$directory"
        """

    private static func freePort() throws -> UInt16 {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
            }
        }
        guard status == 0 else { throw CannotStart(description: "no free port: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }
}
