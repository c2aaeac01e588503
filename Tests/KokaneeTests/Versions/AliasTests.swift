import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

private struct Renamed: Job {
    static let type = "invoice.send"
    static let version = 2
    static let aliases = ["invoice.mail", "mail"]

    func perform(_ context: JobContext) async throws {
        throw JobError.deadLetter("as \(context.type)")
    }
}

@Suite("Job types that had another name")
struct AliasTests {
    @Test("a job under an earlier name is run, and keeps that name wherever it goes")
    func carried() async throws {
        let fixture = try WorkerFixture()
        var jobs = JobRegistry()
        try jobs.register(Renamed.self)
        for type in ["invoice.send", "invoice.mail", "mail"] { try await fixture.enqueue(type: type) }
        let worker = fixture.worker(jobs)
        try await running(worker) {
            try await eventually("all have died") { worker.statistics.dead == 3 }
        }
        let letters = try await fixture.letters()
        #expect(letters.map(\.envelope.type).sorted() == ["invoice.mail", "invoice.send", "mail"])
        for letter in letters {
            #expect(letter.reason == .rejected && letter.envelope.lastError == "JobError: as \(letter.envelope.type)")
        }
    }

    @Test("an alias is found as a name is: in the table of a worker, for plain jobs, up to the type's version")
    func lookup() async throws {
        var jobs = JobRegistry()
        try jobs.register(Renamed.self)
        try jobs.alias("post", of: "mail")
        let table = HandlerTable(jobs)
        for name in ["invoice.send", "invoice.mail", "mail", "post"] {
            let entry = try #require(table.entry(named: name)?.takeUnretainedValue())
            #expect(entry.name == name && entry.type == "invoice.send" && entry.version == 2)
            guard case .versionTooNew(known: 2) = jobs.resolve(type: name, version: 3) else {
                Issue.record("\(name) is run in any version")
                return
            }
        }
        guard case .unknownType(known: ["invoice.send"]) = jobs.resolve(type: "other", version: 1) else {
            Issue.record("aliases are not what a worker is asked for")
            return
        }
        let fixture = try WorkerFixture()
        try await fixture.enqueue(type: "post")
        let runtime = try fixture.runtime(jobs)
        let record = try #require(try await fixture.records(of: "q").first)
        let content = Intake.decide(record, runtime, now: 0).content
        #expect(content.isPlain && content.type == "post")
    }

    @Test("what is said of a type holds for its jobs under their earlier names: its limits, and what it produces")
    func handled() async throws {
        let fixture = try WorkerFixture()
        var jobs = JobRegistry()
        try jobs.register(Renamed.self)
        try jobs.commitsOutputs("mail")
        // One is read as a plain job, and the other has a history.
        try await fixture.enqueue(type: "mail")
        try await fixture.enqueue(type: "mail", headers: [Header("kokanee-attempt", "2")])
        let runtime = try fixture.runtime(jobs)
        for record in try await fixture.records(of: "q") {
            let content = Intake.decide(record, runtime, now: 0).content
            #expect(content.type == "mail" && content.limitedType == "invoice.send" && content.commitsOutputs)
        }
    }

    @Test("an alias of nothing, or that is a type or an alias already, is refused")
    func refused() throws {
        var jobs = JobRegistry()
        try jobs.register("new") { _, _ in }
        try jobs.register("other") { _, _ in }
        try jobs.alias("old", of: "new")
        #expect(throws: InputError.self) { try jobs.alias("older", of: "none") }
        #expect(throws: InputError.self) { try jobs.alias("other", of: "new") }
        #expect(throws: InputError.self) { try jobs.alias("old", of: "other") }
        #expect(throws: InputError.self) { try jobs.alias("", of: "new") }
        #expect(throws: InputError.self) { try jobs.register("old") { _, _ in } }
    }
}
