internal import Glibc

/// `kokanee-demo [DIR]`. The main thread takes signals: SIGINT and SIGTERM cancel the demo, which then cleans up.
@main
enum Main {
    private static let defaultDirectory = "/usr/include"

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count <= 1, arguments.first?.hasPrefix("-") != true else {
            say("usage: kokanee-demo [DIR]; DIR is \(defaultDirectory) unless given")
            exit(64)
        }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        // Before there are other threads, which inherit it.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)

        let directory = arguments.first ?? defaultDirectory
        let demo = Task.detached {
            exit(await run(directory))
        }
        while true {
            var signal: Int32 = 0
            if sigwait(&signals, &signal) == 0 { demo.cancel() }
        }
    }

    private static func run(_ directory: String) async -> Int32 {
        do {
            try await Demo.run(directory)
            return 0
        } catch {
            say(Task.isCancelled ? "\ninterrupted" : "\nThe demo failed: \(error)")
            return Task.isCancelled ? 130 : 1
        }
    }
}
