internal import Glibc
internal import KokaneeBench

/// Starts the program on the Swift pool and leaves the main thread to the signals.
@main
enum Main {
    static func main() {
        Interruption.prepareProcess()
        let interruption = Interruption()
        Task.detached {
            let words = Array(CommandLine.arguments.dropFirst())
            // Not among the commands: `bench` alone calls it, and it speaks to no person.
            if words.first == BenchPart.command { await BenchPart.main(Array(words.dropFirst())) }
            let program = Program(
                environment: Program.processEnvironment(),
                output: TextSink(fileDescriptor: STDOUT_FILENO),
                error: TextSink(fileDescriptor: STDERR_FILENO),
                interruption: interruption
            )
            let code = await program.run(words)
            exit(code.rawValue)
        }
        interruption.takeSignals()
    }
}
