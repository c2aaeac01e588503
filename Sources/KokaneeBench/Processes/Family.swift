internal import Glibc
internal import Synchronization

/// The processes of a run: parts are children of the tool itself, so that each starts clean and what it leaves in memory is
/// nobody else's.
///
/// A part ends when its standard input does, so that nothing outlives this process, however that ends.
final class Family: Sendable {
    private struct State {
        var children: Set<pid_t> = []
        var isCancelled = false
    }

    private let state = Mutex(State())
    private let executable: String
    /// Told of each part that was run, and what it found.
    private let log: @Sendable (String) -> Void

    init(log: @escaping @Sendable (String) -> Void) throws {
        self.log = log
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { throw BenchError("/proc/self/exe does not say where this program is") }
        executable = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Kills what runs, and keeps all from starting that is not for cleaning up.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            for child in state.children { kill(child, SIGKILL) }
        }
    }

    /// Runs a part to its end.
    ///
    /// - Throws: ``BenchError`` where it fails, `CancellationError` after ``cancel()``.
    func run(
        _ part: String,
        _ parameters: [String: String],
        properties: [String: String],
        isCleanUp: Bool = false
    ) throws -> Metrics {
        let child = try start(part, parameters, properties: properties, isCleanUp: isCleanUp)
        let line = child.line()
        let status = end(child)
        guard isCleanUp || !isCancelled else { throw CancellationError() }
        // A command may have lines.
        let words = Self.words(parameters).joined(separator: " ").replacing("\n", with: " ")
        guard let line, status == 0 else {
            throw BenchError("the part \(part) \(words) failed (status \(status)); its words are above")
        }
        log("\(part) \(words): \(String(decoding: line, as: UTF8.self))")
        return try Metrics(line: line)
    }

    private static func words(_ parameters: [String: String]) -> [String] {
        parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    /// Starts a part that goes on until ``end(_:)``.
    ///
    /// Properties go through the pipe: they may be secrets, and a command line is everybody's to read.
    func start(
        _ part: String,
        _ parameters: [String: String],
        properties: [String: String],
        isCleanUp: Bool = false
    ) throws -> ChildProcess {
        let child = try state.withLock { state in
            guard isCleanUp || !state.isCancelled else { throw CancellationError() }
            let child = try ChildProcess(executable, [BenchPart.command, part] + Self.words(parameters))
            state.children.insert(child.pid)
            return child
        }
        let lines = properties.map { "\($0.key)=\($0.value)\n" }.joined() + "\n"
        ChildProcess.write(Array(lines.utf8), to: child.input)
        return child
    }

    /// Waits for a part that is through; one that is not is killed.
    ///
    /// It is forgotten before it is reaped: its number may be another's after that.
    func end(_ child: ChildProcess, isKilled: Bool = false) -> Int32 {
        if isKilled { kill(child.pid, SIGKILL) }
        var info = siginfo_t()
        while waitid(P_PID, id_t(child.pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        _ = state.withLock { $0.children.remove(child.pid) }
        return child.wait()
    }
}
