internal import Glibc

/// Starts the program on the Swift pool and leaves the main thread to the signals.
@main
enum Main {
    static func main() {
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
}
