internal import Kokanee

extension Command {
    static let status = Command(
        name: "status",
        summary: "Shows how queues stand: what waits, what is dead, what is stuck.",
        discussion: """
            Without QUEUE all queues on the cluster. A partition is stalled when it has work and its watermark does not \
            move; the job that holds it is named. Where the broker can't describe groups, as the embedded one can't, \
            workers are told from their reports and last commits.
            """,
        examples: [
            .init("kokanee status", "every queue"),
            .init("kokanee status orders -v", "with each partition"),
            .init("kokanee status orders --json | jq .waiting", "for programs"),
        ],
        arguments: [Argument("QUEUE", minimum: 0, "the queue")],
        options: QueueLookup.options,
        run: runStatus
    )

    private static func runStatus(_ context: Context) async throws {
        let values = context.values
        let group = values.string("group")
        let stalledAfter = try values.duration("stalled-after") ?? .seconds(60)
        let named = try context.arguments.map { try values.queue($0, group: group) }
        guard group == nil || !named.isEmpty else { throw values.error("--group is for one QUEUE") }
        let client = try await context.connect().configuration
        let lookup = try QueueLookup(client, stalledAfter: stalledAfter, console: context.console)
        let queues = named.isEmpty ? try await lookup.queues() : named
        guard !queues.isEmpty else {
            context.console.say("there are no queues; create one with: kokanee topics create QUEUE")
            return
        }
        var (shown, unread) = (0, 0)
        for queue in queues {
            let report: StatusReport
            do {
                report = try await lookup.look(at: queue).report
            } catch let error where named.isEmpty && QueueLookup.isOfOneQueue(error) {
                // What is wrong with one hides no other.
                context.console.complain("queue \(queue.name) can't be read: \(error)".onOneLine)
                unread += 1
                continue
            }
            if context.console.isJSON {
                try context.console.print(report.json)
            } else {
                if shown > 0 { try context.console.print("") }
                let isVerbose = context.console.verbosity == .verbose
                try context.console.print(report.text(showsPartitions: isVerbose))
            }
            shown += 1
        }
        guard unread == 0 else { throw Failure("\(unread) of \(queues.count) queues can't be read") }
    }
}
