internal import Kokanee
internal import RdKafka

extension Command {
    static let jobsShow = Command(
        name: "show",
        summary: "Shows how far a job is: progress, checkpoint, result.",
        discussion: """
            It reads the queue's state topic, so that it knows of jobs that have left something there. Progress is as old \
            as its time says; a job that has begun anew shows what its last attempt left.
            """,
        examples: [
            .init("kokanee jobs show reports 42", "for people"),
            .init("kokanee jobs show reports 42 --json | jq .progress", "for programs"),
        ],
        arguments: [Argument("QUEUE", "the queue"), Argument("ID", "the job's id")],
        run: { context in
            let queue = try context.values.queue(context.arguments[0])
            let id = context.arguments[1]
            let client = try JobClient(try await context.connect(to: queue).configuration)
            guard let state = try await client.state(of: id, in: queue) else {
                throw Failure(
                    "\(queue.stateTopic) has nothing of job \(SafeText.quoted(id)): it has left nothing yet, or nothing "
                        + "any more"
                )
            }
            await client.close()
            let text = JobStateText(state: state, redaction: context.console.redaction)
            guard context.console.isJSON else { return try context.console.print(text.text) }
            try context.console.print(text.json())
        }
    )
}
