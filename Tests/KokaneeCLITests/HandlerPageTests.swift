import RdKafka
import Testing

@testable import Kokanee

/// What docs/results.md says of the handler protocol.
@Suite struct HandlerPageTests {
    /// The first cells of the page's tables, where they are nothing but code.
    private static func cells() throws -> [String] {
        try Documents.page("docs/results.md").lines.compactMap { line in
            line.firstMatch(of: /^\| (`[^|]*`) \|/).map { String($0.output.1) }
        }
    }

    @Test("each member of a request is described")
    func request() throws {
        var envelope = Envelope(id: "i", type: "t", attempt: 2)
        envelope.firstFailedAt = 1
        let context = JobContext(
            queue: "q",
            envelope: envelope,
            maximumAttempts: 6,
            key: "k",
            source: Envelope.Origin(topic: "q", partition: 0, offset: 0),
            replay: "r",
            effects: .noted(in: EffectLog()),
            headers: [
                Header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                Header("tracestate", "a=1"),
            ]
        )
        let line = HandlerRequest.line("1", context, checkpoint: "1")
        let members = try JSONText.members(of: line).map(\.name)
        #expect(members.count == 13, "\(members)")
        let described = try Set(Self.cells().flatMap { $0.matches(of: /`(\w+)`/).map { String($0.output.1) } })
        #expect(described.isSuperset(of: members), "\(members)")
    }

    @Test("each line that a process may write is read, and each that it is written is as shown")
    func lines() throws {
        let shown = try Self.cells().filter { $0.hasPrefix("`{\"id\":") }.map { cell in
            String(cell.dropFirst().dropLast()).replacing("\"…\"", with: "\"i\"").replacing("…", with: "1")
        }
        let words = [HandlerRequest.stop("i"), HandlerRequest.cancel("i")].map { word in
            String(decoding: word.dropLast(), as: UTF8.self)
        }
        #expect(words.allSatisfy(shown.contains), "\(shown)")
        let messages = try shown.filter { !words.contains($0) }.map { line in
            try HandlerMessage(line: Array(line.utf8), id: "i")
        }
        #expect(
            messages == [
                .checkpoint(Array("1".utf8)), .progress(0.4, note: "page 12"), .extend(.seconds(30)),
                .effect(Effect("mail.send", "i")), .completed(), .completed(result: Array("1".utf8)),
                .retry(after: nil, error: "i"), .retry(after: .seconds(300), error: "i"), .deadLetter(error: "i"),
                .stopped,
            ]
        )
    }
}
