internal import Glibc
internal import KokaneeBench

/// Starts the program on the Swift pool and leaves the main thread to the signals.
@main
enum Main {
    static func main() {
        // Not among the commands: `bench` alone starts it, and it speaks to no person.
        if CommandLine.arguments.dropFirst().first == BenchPart.command { runBenchPart() }
        Interruption.prepareProcess()
        let interruption = Interruption()
        Task.detached {
            let program = Program(
                environment: Program.processEnvironment(),
                output: TextSink(fileDescriptor: STDOUT_FILENO),
                error: TextSink(fileDescriptor: STDERR_FILENO),
                interruption: interruption
            )
            let code = await program.run(Array(CommandLine.arguments.dropFirst()))
            exit(code.rawValue)
        }
        interruption.takeSignals()
    }

    /// Signals end it at once: it has nothing to bring to an end.
    private static func runBenchPart() -> Never {
        signal(SIGPIPE, SIG_IGN)
        Task.detached { await BenchPart.main(Array(CommandLine.arguments.dropFirst(2))) }
        while true { pause() }
    }
}
