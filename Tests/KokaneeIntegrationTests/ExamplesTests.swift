import Foundation
import TestSupport
import Testing

/// What README and docs show, run as they show it.
@Suite(.besideOthers)
struct ExamplesTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test("mail enqueued by kokanee, kcat and Python is sent by the example's handler, but for a bad address")
    func mail() async throws {
        try await Stand.with { stand in
            let examples = Self.root.appending(path: "docs/examples").path
            let python = ProcessInfo.processInfo.environment["KOKANEE_ORACLE_PYTHON"] ?? "python3"
            let outbox = stand.scratch.file("outbox").path
            _ = try await stand.shell(
                """
                set -e
                kokanee enqueue \(stand.queue) --type mail.send --data '{"to":"ada@example.org"}' --key ada@example.org
                kokanee enqueue \(stand.queue) --type mail.send --data '{"to":"nobody"}'
                echo 'bob@example.org:{"to":"bob@example.org"}' | kcat -P -b "$KOKANEE_BOOTSTRAP_SERVER" \
                -t \(stand.queue) -K :
                '\(python)' '\(examples)/enqueue_mail.py' "$KOKANEE_BOOTSTRAP_SERVER" \(stand.queue) eve@example.org
                OUTBOX='\(outbox)' kokanee work \(stand.queue) --handler '\(examples)/mail_handler.py' --until-idle
                """
            )
            let sent = try FileManager.default.contentsOfDirectory(atPath: outbox).map { name in
                try String(contentsOfFile: "\(outbox)/\(name)", encoding: .utf8)
            }
            #expect(sent.sorted() == ["ada", "bob", "eve"].map { "To: \($0)@example.org\n" })
            let letters = try await stand.deadLetters()
            #expect(letters.map { $0.header("kokanee-error")?.contains("nobody is not an address") } == [true])
        }
    }

    @Test(
        "the code that README and docs show is code that is built and run",
        arguments: [
            (
                "README.md", "swift",
                ["Sources/KokaneeDemo/HashFile.swift", "Tests/KokaneeIntegrationTests/ShownCode.swift"]
            ),
            ("README.md", "python", ["docs/examples/mail_handler.py"]),
            ("docs/middleware.md", "swift", ["Tests/KokaneeIntegrationTests/ShownMiddleware.swift"]),
            ("docs/payload-size.md", "swift", ["Tests/KokaneeIntegrationTests/ShownMiddleware.swift"]),
        ]
    )
    func shown(page: String, language: String, sources: [String]) throws {
        let code = try sources.map { Self.unindented(try Self.text($0)) }
        let blocks = try Self.text(page).components(separatedBy: "```\(language)\n").dropFirst()
        #expect(!blocks.isEmpty)
        for block in blocks {
            let shown = Self.unindented(block.components(separatedBy: "```")[0])
            #expect(code.contains { $0.contains(shown) }, "none of \(sources) has: \(shown)")
        }
    }

    private static func unindented(_ text: String) -> String {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "\n")
    }
}
