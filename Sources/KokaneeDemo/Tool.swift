internal import Foundation
internal import Glibc

/// Runs other programs; above all `kokanee`, as a person would type it.
struct Tool: Sendable {
    private let program: String
    /// Words that stand before all others.
    private let prefix: [String]

    /// `kokanee`, which is built beside the demo.
    ///
    /// - Parameter properties: a file with the client's properties.
    /// - Throws: ``Demo/Failed`` where there is no such program.
    static func kokanee(_ properties: String) throws -> Tool {
        let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = URL(filePath: here).deletingLastPathComponent().appending(path: "kokanee").path
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw Demo.Failed("\(program) is missing; `make demo` builds it")
        }
        return Tool(program, ["-F", properties])
    }

    init(_ program: String, _ prefix: [String] = []) {
        self.program = program
        self.prefix = prefix
    }

    /// Where the program is.
    var directory: String { URL(filePath: program).deletingLastPathComponent().path }
    /// The words that stand before all others, for a shell.
    var options: String { prefix.joined(separator: " ") }

    /// Prints the command line, and runs it with its output left to the terminal.
    ///
    /// - Throws: ``Demo/Failed`` where it doesn't exit with 0.
    func show(_ arguments: String...) async throws {
        try await show(arguments)
    }

    func show(_ arguments: [String]) async throws {
        let words = ["kokanee"] + prefix + arguments
        say("$ " + words.map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " "))
        let (code, _) = try await run(arguments, input: nil, isCaptured: false)
        guard code == 0 else { throw Demo.Failed("\(words.joined(separator: " ")) exited with \(code)") }
    }

    /// What it writes to stdout, whatever its exit code.
    func output(_ arguments: [String], input: Data? = nil) async throws -> Data {
        try await run(arguments, input: input, isCaptured: true).output
    }

    private func run(
        _ arguments: [String],
        input: Data?,
        isCaptured: Bool
    ) async throws -> (code: Int32, output: Data) {
        try await Blocking.run {
            let process = Process()
            process.executableURL = URL(filePath: program)
            process.arguments = prefix + arguments
            let stdin = Pipe()
            let stdout = Pipe()
            process.standardInput = stdin
            if isCaptured {
                process.standardOutput = stdout
                process.standardError = FileHandle.nullDevice
            }
            try process.run()
            let writer = stdin.fileHandleForWriting
            // Beside the reading: both pipes are small.
            DispatchQueue.global().async {
                try? writer.write(contentsOf: input ?? Data())
                try? writer.close()
            }
            let output = isCaptured ? try stdout.fileHandleForReading.readToEnd() : nil
            process.waitUntilExit()
            return (process.terminationStatus, output ?? Data())
        }
    }
}

/// Prints a line at once, also where stdout is a pipe.
func say(_ line: String = "") {
    print(line)
    fflush(nil)
}
