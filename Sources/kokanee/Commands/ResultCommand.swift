internal import Kokanee
internal import RdKafka

extension Command {
    static let result = Command(
        name: "result",
        summary: "Prints what a job has left: its result, or why it has none.",
        discussion: """
            Results are kept for as long as the job's enqueuer or its worker says, and are gone then. A job leaves one \
            where its handler sets it, and word of any other end where it was enqueued with --keep-result. Exit code 0 is \
            a completed job, 1 any other end, or none that is known. A result that is not UTF-8 is printed in Base64. \
            With --redact a result that is no JSON is withheld.
            """,
        examples: [
            .init("kokanee result reports 42 --wait 1m", "waits for it, a minute at most"),
            .init("kokanee result reports 42 --json | jq .result", "for programs"),
        ],
        arguments: [Argument("QUEUE", "the queue"), Argument("ID", "the job's id")],
        options: [
            .value("wait", "D", "how long to wait for the job's end", default: "what is known now")
        ],
        run: runResult
    )

    private static func runResult(_ context: Context) async throws {
        let queue = try context.values.queue(context.arguments[0])
        let id = context.arguments[1]
        let wait = try context.values.duration("wait")
        let client = try JobClient(try await context.connect(to: queue).configuration)
        let state: JobState
        if let wait {
            state = try await client.ending(of: id, in: queue, within: wait)
        } else {
            guard let known = try await client.state(of: id, in: queue) else {
                throw Failure("\(queue.stateTopic) has nothing of job \(SafeText.quoted(id)); --wait D waits for it")
            }
            state = known
        }
        await client.close()
        try show(state, context)
    }

    /// Prints how a job has ended, and throws where that was not well.
    static func show(_ state: JobState, _ context: Context) throws {
        let text = JobStateText(state: state, redaction: context.console.redaction)
        if context.console.isJSON { try context.console.printBeside { try context.console.print(text.json()) } }
        switch state.ending {
        case .completed:
            guard !context.console.isJSON else { return }
            guard state.result != nil else { return context.console.say("the job completed, and set no result") }
            guard let result = text.result else {
                return context.console.say("the job's result is \(JobStateText.withheld)")
            }
            try context.console.print(foreign: JobStateText.line(result))
        case nil: throw Failure("the job has not ended; --wait D waits for it")
        case let ending?:
            let error = text.error.map { ": \($0.onOneLine)" } ?? ""
            throw Failure("the job has no result, it is \(ending.rawValue)\(error)")
        }
    }
}
