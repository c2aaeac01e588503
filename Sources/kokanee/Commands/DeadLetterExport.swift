internal import Kokanee

extension Command {
    static let exportLetters = Command(
        name: "export",
        summary: "Writes dead letters as lines of JSON, to be edited and put back by import.",
        discussion: """
            A line a letter, by partition and offset: {"letter","id","type","version","key","data","headers","attempts", \
            "reason","firstError","lastError","firstFailedAt","diedAt","origin"}. A key that is no text is "keyBase64", a \
            payload that is no JSON "dataBase64". Letters with a verdict can't be put back, and are left out unless \
            --settled. A file is there whole or not at all: it is written beside its name and renamed. \
            Nothing is redacted, whatever --redact says: import would write it back as it stands.
            """,
        examples: [
            .init("kokanee dlq export orders --output letters.ndjson", "all that wait for a decision"),
            .init("kokanee dlq export orders --error 'no such currency' | jq .data", "what it was about"),
            .init("kokanee dlq export orders --settled --output archive.ndjson", "those with a verdict, too"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: letterFilters + [
            .value("output", short: "o", "FILE", "where to; - is stdout", default: "-"),
            .flag("settled", "also those with a verdict"), letterDefaultType,
        ],
        interruption: .isHandled,
        run: { context in
            var selection = try context.values.deadLetterFilter()
            selection.isOpenOnly = !context.values.isSet("settled")
            let filter = selection
            let letters = try await context.untilInterrupted { try await connectToLetters(context) }
            let file: WholeFile?
            if let path = context.values.string("output"), path != "-" {
                file = try await context.opening { try WholeFile(path: path) }
            } else {
                file = nil
            }
            // Also where it is cut short: half a file is none.
            defer { file?.discard() }
            let console = context.console
            let progress = Progress("letters", console: console)
            let findings = try await context.untilInterrupted {
                try await letters.export(filter, progress: { progress.update(count: $0, total: $1) }) { line in
                    progress.finish()
                    if let file { try file.write(line) } else { try console.print(line) }
                }
            }
            progress.finish()
            try file?.finish()
            console.say("exported \(DeadLetterOutput.count(findings.letters)) of \(letters.queue.name)")
        }
    )
}
