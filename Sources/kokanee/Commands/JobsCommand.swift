internal import Glibc
internal import Kokanee
internal import RdKafka

extension Command {
    static let jobs = Command(
        name: "jobs",
        summary: "Looks at single jobs, and compares the job types of two builds.",
        examples: [
            .init("kokanee jobs show reports 42", "how far a job is"),
            .init("kokanee jobs check production.json new.json", "what of one build's jobs the other can't read"),
        ],
        subcommands: [jobsShow, jobsCheck]
    )

    private static let jobsCheck = Command(
        name: "check",
        summary: "Names what of one build's jobs another build can't read.",
        discussion: """
            OLD and NEW are files that JobRegistry.writeShapes(to:) wrote, - for stdin; see docs/versions.md. Both directions are looked at, for \
            while a deploy rolls each build reads what the other has enqueued. Exit code 0: compatible; 1: something \
            breaks; 65: a file is something else.
            """,
        examples: [
            .init("kokanee jobs check production.json new.json", "before a deploy"),
            .init("kokanee jobs check old.json new.json --json | jq 'select(.compatible|not)'", "only what breaks"),
        ],
        arguments: [Argument("OLD", "the shapes of the build that runs"), Argument("NEW", "those of the one to come")],
        run: runCheck
    )

    private static func runCheck(_ context: Context) async throws {
        let old = try await shapes(context.arguments[0])
        let new = try await shapes(context.arguments[1])
        let check = ShapeCheck(old: old, new: new)
        let report = ShapeReport(check, old: old, new: new)
        try context.console.printBeside {
            guard context.console.isJSON else { return try context.console.print(report.text) }
            for verdict in check.types { try context.console.print(ShapeReport.object(verdict)) }
        }
        guard check.isCompatible else { throw Failure(report.summary) }
        context.console.say(report.summary)
    }

    private static func shapes(_ path: String) async throws -> JobShapes {
        let lines = LineFeed(try LineReader(path: path))
        var text: [UInt8] = []
        while let batch = try await lines.next() {
            for line in batch.lines { text += line.bytes + [UInt8(ascii: "\n")] }
        }
        do {
            return try JobShapes(text: Bytes(text))
        } catch {
            throw Failure("\(path): \(error)", code: .input)
        }
    }
}
