import Foundation
import Kokanee
import RdKafka
import Testing

@testable import kokanee

struct SendInvoice: Job {
    enum Format: String, Codable, CaseIterable {
        case paper
        case pdf
    }

    static let type = "invoice.send"
    static let version = 2
    static var defaults: [String: any Encodable & Sendable] { ["copies": 1] }

    var invoice: Int
    var copies: Int
    var formats: [Format]?

    func perform(_ context: JobContext) async throws {}
}

/// The shapes file that docs/versions.md shows.
@Suite(.timeLimit(.minutes(1)))
struct ShownShapesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func blocks(_ language: String) throws -> [String] {
        try String(contentsOf: root.appending(path: "docs/versions.md"), encoding: .utf8)
            .components(separatedBy: "```\(language)\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    @Test("the shapes file that is shown is what a build writes of the type that is shown")
    func written() throws {
        var jobs = JobRegistry()
        try jobs.register(SendInvoice.self)
        let file = FileManager.default.temporaryDirectory.appending(path: "shapes-\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try jobs.writeShapes(to: file.path, build: "2026-11-26")
        let written = try String(contentsOf: file, encoding: .utf8)
        let shown = try #require(try Self.blocks("json").first)
        // Apart from its line breaks, of which a page has better use.
        #expect(try JobShapes(text: Bytes(shown)) == JobShapes(text: Bytes(written)), "it is \(written)")
        let source = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        let type = try #require(try Self.blocks("swift").first { $0.contains("enum Format") })
        #expect(source.contains(type))
    }

    @Test("jobs check reads the file that is shown, and one without what has to be there is named")
    func checked() async throws {
        let text = try #require(try Self.blocks("json").first)
        let file = try ProgramTests.file(text)
        let compatible = await ProgramTests.run(["jobs", "check", file, file])
        #expect(compatible.code == .success, "\(compatible.error.text)")
        #expect(compatible.output.lines.first == "invoice.send version 2: compatible")
        let stricter = try ProgramTests.file(
            text.replacingOccurrences(of: #""name":"invoice""#, with: #""name":"order""#)
        )
        let breaking = await ProgramTests.run(["jobs", "check", file, stricter])
        #expect(breaking.code == .failure && breaking.output.text.contains("order: the new build requires it"))
        let other = try ProgramTests.file(text.replacingOccurrences(of: "job-shapes/1", with: "job-shapes/9"))
        let refused = await ProgramTests.run(["jobs", "check", file, other])
        #expect(refused.code == .input && refused.error.text.contains("kokanee-job-shapes/9"))
        let lacking = try ProgramTests.file(text.replacingOccurrences(of: #""runsOthers""#, with: #""runOthers""#))
        let named = await ProgramTests.run(["jobs", "check", lacking, file])
        #expect(named.code == .input && named.error.text.contains("runsOthers"), "\(named.error.text)")
    }
}
