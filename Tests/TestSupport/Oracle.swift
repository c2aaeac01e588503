public import Foundation
internal import RdKafka

/// Other people's Kafka clients, to compare with.
public enum Oracle {
    /// What a program left behind.
    public struct Failed: Error, CustomStringConvertible {
        public let description: String
    }

    /// Runs `kcat` and returns its stdout.
    public static func kcat(_ arguments: [String], input: String? = nil) async throws -> String {
        try await run("kcat", arguments, input: input)
    }

    /// Runs a Python script in which `confluent_kafka` and `kafka` can be imported, and returns its stdout.
    public static func python(_ script: String, _ arguments: [String] = []) async throws -> String {
        let python = ProcessInfo.processInfo.environment["KOKANEE_ORACLE_PYTHON"] ?? "python3"
        return try await run(python, ["-c", script] + arguments)
    }

    /// Runs a program for at most a minute and returns its stdout.
    ///
    /// - Throws: ``Failed`` with its stderr where it doesn't exit with 0, or can't be found.
    public static func run(
        _ program: String,
        _ arguments: [String],
        input: String? = nil,
        limit: Duration = .seconds(60)
    ) async throws -> String {
        try await OSThread.run(name: "test:oracle") {
            let scratch = try Scratch()
            defer { scratch.remove() }
            let inputFile = scratch.file("stdin")
            let outputFile = scratch.file("stdout")
            let errorFile = scratch.file("stderr")
            // Files, not pipes: nothing can then wait for the other side to read.
            try Data((input ?? "").utf8).write(to: inputFile)
            try Data().write(to: outputFile)
            try Data().write(to: errorFile)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["timeout", String(limit.components.seconds), program] + arguments
            process.standardInput = try FileHandle(forReadingFrom: inputFile)
            process.standardOutput = try FileHandle(forWritingTo: outputFile)
            process.standardError = try FileHandle(forWritingTo: errorFile)
            try process.runUnblocked()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                let errors = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
                let hint = process.terminationStatus == 127 ? " (`make test` installs what tests need)" : ""
                throw Failed(
                    description: "\(program) exited with \(process.terminationStatus)\(hint): \(errors)"
                )
            }
            return String(decoding: try Data(contentsOf: outputFile), as: UTF8.self)
        }
    }
}

/// A directory of its own for a test, until ``remove()``.
public struct Scratch: Sendable {
    public let directory: URL

    public init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "kokanee-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    public func file(_ name: String) -> URL {
        directory.appending(path: name)
    }

    public func remove() {
        try? FileManager.default.removeItem(at: directory)
    }
}
