import Foundation
import Synchronization
import TestSupport

/// How a run of the tool ended.
struct Outcome: Sendable, CustomStringConvertible {
    let arguments: [String]
    /// The exit code; 128 and the signal's number where a signal ended it.
    let code: Int32
    let output: String
    let error: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }

    var description: String {
        """
        kokanee \(arguments.joined(separator: " ")) ended with \(code)
        stdout: \(output.suffix(2000))
        stderr: \(error.suffix(4000))
        """
    }

    /// The JSON objects of stdout, one a line.
    func objects<T: Decodable>(_ type: T.Type) throws -> [T] {
        try lines.map { line in
            do {
                return try JSONDecoder().decode(type, from: Data(line.utf8))
            } catch {
                throw StandError("not what the contract says: \(line)\n\(error)\n\(self)")
            }
        }
    }

    func object<T: Decodable>(_ type: T.Type) throws -> T {
        let objects = try objects(type)
        guard objects.count == 1 else { throw StandError("\(objects.count) lines of JSON instead of one: \(self)") }
        return objects[0]
    }
}

/// What went wrong in a test's surroundings, with what is needed to understand it.
struct StandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A run of the `kokanee` that was built beside the tests.
///
/// It ends, at the latest, with the test process, however that ends.
final class KokaneeProcess: Sendable {
    /// The built tool: `KOKANEE_BINARY`, else `kokanee` in the directory of the running test bundle.
    static func binary() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["KOKANEE_BINARY"] { return URL(filePath: path) }
        let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let beside = bundle.deletingLastPathComponent().appending(path: "kokanee")
        guard FileManager.default.isExecutableFile(atPath: beside.path) else {
            throw StandError("no kokanee beside \(bundle.path); build it, or set KOKANEE_BINARY")
        }
        return beside
    }

    // Process is not Sendable; it is started before it is shared, and used under this lock from then on.
    private struct State: @unchecked Sendable {
        let process: Process
    }

    let arguments: [String]
    let pid: pid_t
    private let state: Mutex<State>
    private let outputFile: URL
    private let errorFile: URL

    init(_ arguments: [String], scratch: Scratch, input: String? = nil, environment: [String: String] = [:]) throws {
        let name = UUID().uuidString
        self.arguments = arguments
        outputFile = scratch.file("\(name).stdout")
        errorFile = scratch.file("\(name).stderr")
        try Data().write(to: outputFile)
        try Data().write(to: errorFile)
        let process = Process()
        process.executableURL = try Self.binary()
        process.arguments = arguments
        // What the shell has set must not decide what a test sees.
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("KOKANEE_") }
            .merging(environment) { $1 }
        if let input {
            let inputFile = scratch.file("\(name).stdin")
            try Data(input.utf8).write(to: inputFile)
            process.standardInput = try FileHandle(forReadingFrom: inputFile)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.runUnblocked()
        pid = process.processIdentifier
        state = Mutex(State(process: process))
        Reaper.shared.add(pid)
    }

    var isRunning: Bool { state.withLock { $0.process.isRunning } }
    var output: String { Self.text(of: outputFile) }
    var error: String { Self.text(of: errorFile) }

    /// Sends a signal, unless the process has ended.
    func signal(_ number: Int32) {
        state.withLock { state in
            guard state.process.isRunning else { return }
            kill(pid, number)
        }
    }

    /// Waits for the end; a process that doesn't end in time is killed.
    ///
    /// - Throws: ``StandError`` where it had to be.
    func outcome(within limit: Duration = .seconds(60)) async throws -> Outcome {
        do {
            try await eventually("kokanee ends", within: limit) { !self.isRunning }
        } catch {
            signal(SIGKILL)
            throw StandError(
                "\(error): kokanee \(arguments.joined(separator: " "))\nstderr: \(self.error.suffix(4000))"
            )
        }
        Reaper.shared.remove(pid)
        let code = state.withLock { state in
            let status = state.process.terminationStatus
            return state.process.terminationReason == .exit ? status : 128 + status
        }
        return Outcome(arguments: arguments, code: code, output: output, error: error)
    }

    private static func text(of file: URL) -> String {
        String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
    }
}
