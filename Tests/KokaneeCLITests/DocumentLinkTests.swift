import Testing

@Suite(.timeLimit(.minutes(1)))
struct DocumentLinkTests {
    @Test("each link of README and docs to a page, a heading or a file leads there", arguments: try Documents.paths())
    func whole(path: String) throws {
        let page = try Documents.page(path)
        let broken = try Documents.broken(in: page, at: path)
        #expect(broken.isEmpty, "\(path) leads nowhere by \(broken)")
    }

    @Test("a link to a page, a heading or a file that is not there is found")
    func broken() throws {
        let page = MarkdownPage(
            """
            # Queues & rungs, `by` [name](none.md)
            [there](semantics.md) [there](semantics.md#promises) [here](#queues--rungs-by-name) [out](https://x.test/none)
            [no page](nowhere.md) [no heading](semantics.md#nothing) [none here](#nothing) [no test](../Tests/None.swift)
            `[code](nowhere.md)`
            ```sh
            # [code](nowhere.md)
            ```
            """
        )
        #expect(
            try Documents.broken(in: page, at: "docs/none.md") == [
                "none.md", "nowhere.md", "semantics.md#nothing", "#nothing", "../Tests/None.swift",
            ]
        )
    }

    @Test("headings of one name are told apart as GitHub does")
    func twice() {
        #expect(MarkdownPage("# A b\n# A b\n## a-b\n").anchors == ["a-b", "a-b-1", "a-b-2"])
    }

    @Test("each cell of Kokanee's in the table of features leads to its page, and to a test of what it claims")
    func features() throws {
        let rows = try Documents.page("docs/features.md").lines.filter { $0.hasPrefix("| **Kokanee** |") }
        #expect(rows.count == 11)
        for cell in rows.flatMap({ $0.split(separator: "|").dropFirst().filter { !$0.allSatisfy(\.isWhitespace) } }) {
            let links = MarkdownPage(String(cell)).links
            #expect(links.contains { $0.contains(".md") }, "no page:\(cell)")
            // What is not there has no test.
            guard !cell.contains("[no") else { continue }
            #expect(links.contains { $0.hasPrefix("../Tests/") && $0.hasSuffix(".swift") }, "no test:\(cell)")
        }
    }
}
