internal import Glibc

/// `kokanee-demo [DIR]`, or `kokanee-demo --replay` for the story of a replay. The main thread takes signals: SIGINT and SIGTERM cancel the demo, which then cleans up.
@main
enum Main {
    private static let defaultDirectory = "/usr/include"

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.count == 4, arguments[0] == "--invoices" {
            InvoiceHandler.run(build: arguments[1], results: arguments[2], mails: arguments[3])
        }
        let isReplay = arguments == ["--replay"]
        guard isReplay || arguments.count <= 1 && arguments.first?.hasPrefix("-") != true else {
            say("usage: kokanee-demo [DIR | --replay]; DIR is \(defaultDirectory) unless given")
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
            exit(await run { isReplay ? try await ReplayStory.run() : try await Demo.run(directory) })
        }
        while true {
            var signal: Int32 = 0
            if sigwait(&signals, &signal) == 0 { demo.cancel() }
        }
    }

    private static func run(_ demo: @Sendable () async throws -> Void) async -> Int32 {
        do {
            try await demo()
            return 0
        } catch {
            say(Task.isCancelled ? "\ninterrupted" : "\nThe demo failed: \(error)")
            return Task.isCancelled ? 130 : 1
        }
    }
}
