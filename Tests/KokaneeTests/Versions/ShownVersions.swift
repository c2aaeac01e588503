import Foundation
import RdKafka
import Testing

@testable import Kokanee

// Code that docs/versions.md and docs/payloads.md show, so that it is built.

private struct Mailer {
    func send(_ invoice: Int, copies: Int) async throws {}
    func send(_ invoice: Invoice) async throws {}
}

private struct Bank {
    func refund(_ invoice: Int, _ cents: Int) async throws {}
}

private let mailer = Mailer()
private let bank = Bank()

private struct Invoice: Codable, Sendable {
    var number: Int
}

private struct RefundV2: Codable {
    var invoice: Int
    var amount: Double
}

private struct SendInvoice: Job {
    static let type = "invoice.send"
    static var defaults: [String: any Encodable & Sendable] { ["copies": 1] }

    var invoice: Int
    var copies: Int

    func perform(_ context: JobContext) async throws {
        try await mailer.send(invoice, copies: copies)
    }
}

private struct Refund: Job {
    static let type = "invoice.refund"
    static let version = 3
    static var upgrades: [PayloadUpgrade] {
        [
            // Version 1 called it "order".
            .edit(from: 1) { payload in try payload.rename("order", to: "invoice") },
            // Version 2 had an amount in euros.
            .convert(from: 2) { (old: RefundV2) in Refund(invoice: old.invoice, cents: Int(old.amount * 100)) },
        ]
    }

    var invoice: Int
    var cents: Int

    func perform(_ context: JobContext) async throws {
        try await bank.refund(invoice, cents)
    }
}

private func registered() throws -> JobRegistry {
    var jobs = JobRegistry()
    try jobs.register(SendInvoice.self)
    try jobs.register(Refund.self)
    try jobs.register("invoice.mail", payload: Invoice.self) { invoice, _ in try await mailer.send(invoice) }
    try jobs.alias("mail.invoice", of: "invoice.mail")
    return jobs
}

private func configured() -> WorkerConfiguration {
    var configuration = WorkerConfiguration()
    configuration.newerVersions = .wait(upTo: .seconds(600))
    configuration.unknownTypes = .wait(upTo: .seconds(600))
    configuration.expiredJobs = .deadLetter
    configuration.redactedFields = ["email", "card.number"]
    return configuration
}

private func write(_ jobs: JobRegistry) throws {
    if let path = ProcessInfo.processInfo.environment["WRITE_JOB_SHAPES"] {
        return try jobs.writeShapes(to: path, build: "2026-11-26")
    }
}

@Suite("What docs/versions.md and docs/payloads.md show")
struct ShownVersionsTests {
    /// Nil where the tests are built elsewhere than in the repository.
    private static let root: URL? = {
        let root = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        return FileManager.default.fileExists(atPath: root.appending(path: "docs/versions.md").path()) ? root : nil
    }()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: #require(Self.root).appending(path: path), encoding: .utf8)
    }

    private func unindented(_ text: String) -> String {
        text.replacing("private ", with: "").split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .joined(separator: "\n")
    }

    @Test(
        "the code is code that is built",
        .enabled(if: root != nil),
        arguments: ["docs/versions.md", "docs/payloads.md"]
    )
    func shown(page: String) throws {
        let files = ["Tests/KokaneeTests/Versions/ShownVersions.swift", "Tests/KokaneeCLITests/ShownShapesTests.swift"]
        let code = unindented(try files.map(text).joined(separator: "\n"))
        let blocks = try text(page).components(separatedBy: "```swift\n").dropFirst()
        #expect(!blocks.isEmpty)
        for block in blocks {
            let shown = unindented(block.components(separatedBy: "```")[0])
            #expect(code.contains(shown), "nobody builds: \(shown)")
        }
    }

    @Test("the types do what the page says of them, and waits are as it configures them")
    func types() throws {
        let jobs = try registered()
        try write(jobs)
        let shapes = jobs.shapes
        #expect(shapes.types.map(\.type) == ["invoice.mail", "invoice.refund", "invoice.send"])
        #expect(shapes.types[0].aliases == ["mail.invoice"] && shapes.types[1].upgradesFrom == [1, 2])
        let configuration = configured()
        #expect(configuration.newerVersions == configuration.unknownTypes)
    }

    @Test("the page's table of changes and the check's answer of its example are what the check says")
    func example() throws {
        let old = JobShapes(types: [
            .init(type: "invoice.refund", version: 2, payload: PayloadShape(of: RefundV2.self)),
            .init(
                type: "invoice.send",
                version: 1,
                payload: PayloadShape(
                    .object,
                    type: "SendInvoice",
                    members: [.init(name: "invoice", isRequired: true, shape: PayloadShape(of: Int.self))]
                )
            ),
        ])
        var new = old
        new.types[0] = .init(
            type: "invoice.refund",
            version: 3,
            upgradesFrom: [1, 2],
            payload: PayloadShape(of: Refund.self)
        )
        new.types[1].payload = PayloadShape(of: SendInvoice.self)
        let check = ShapeCheck(old: old, new: new)
        let messages = check.types.flatMap(\.findings).map(\.message)
        #expect(check.types.map(\.isCompatible) == [true, false])
        guard Self.root != nil else { return }
        let page = try text("docs/versions.md")
        for message in messages { #expect(page.contains(message), "\(message)") }
    }
}
