import Foundation

/// What a page of Markdown leads to, and what can be led to in it.
struct MarkdownPage {
    /// The targets of its links, in order. What stands in code is no link.
    let links: [String]
    /// The names that GitHub gives its headings.
    let anchors: Set<String>
    let lines: [String]

    init(_ text: String) {
        var links: [String] = []
        var anchors: Set<String> = []
        var lines: [String] = []
        var fence: Substring?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let mark = line.drop { $0 == " " }.prefix { $0 == "`" || $0 == "~" }
            if mark.count >= 3 {
                guard let open = fence else {
                    fence = mark
                    continue
                }
                if mark.hasPrefix(open) { fence = nil }
                continue
            }
            guard fence == nil else { continue }
            lines.append(String(line))
            if let heading = line.wholeMatch(of: /#{1,6} +(.*)/)?.output.1 {
                anchors.insert(Self.unused(Self.anchor(heading), anchors))
            }
            links += line.replacing(/`+[^`]*`+/, with: "").matches(of: /\]\(([^()\s]*)\)/).map { String($0.output.1) }
        }
        self.links = links
        self.anchors = anchors
        self.lines = lines
    }

    /// GitHub's name of a heading: small letters, digits and `_`, hyphens for spaces, and nothing else.
    static func anchor(_ heading: some StringProtocol) -> String {
        // Of a link only the text is shown.
        let shown = String(heading).replacing(/\[([^\[\]]*)\]\([^()]*\)/) { String($0.output.1) }
        let kept = shown.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == " " }
        return String(kept.map { $0 == " " ? "-" : $0 })
    }

    /// The first heading of a name has it, the next ones have `-1`, `-2`, … behind it.
    private static func unused(_ name: String, _ taken: Set<String>) -> String {
        guard taken.contains(name) else { return name }
        return (1...).lazy.map { "\(name)-\($0)" }.first { !taken.contains($0) } ?? name
    }
}

/// The project's pages, as they stand in the working tree.
enum Documents {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// README and the pages of `docs`, by their paths from the root.
    static func paths() throws -> [String] {
        let pages = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "docs").path)
        return ["README.md"] + pages.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }

    static func page(_ path: String) throws -> MarkdownPage {
        MarkdownPage(try String(contentsOf: root.appending(path: path), encoding: .utf8))
    }

    /// The links of a page that lead to no file, or to no heading, of this project. Addresses elsewhere are not asked.
    static func broken(in page: MarkdownPage, at path: String) throws -> [String] {
        let folder = root.appending(path: path).deletingLastPathComponent()
        return try page.links.filter { link in
            guard !link.contains(":") else { return false }
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let file = parts[0].isEmpty ? nil : folder.appending(path: String(parts[0])).standardizedFileURL
            if let file, !FileManager.default.fileExists(atPath: file.path) { return true }
            guard parts.count == 2 else { return link.isEmpty }
            guard let file else { return !page.anchors.contains(String(parts[1])) }
            guard file.pathExtension == "md" else { return true }
            let target = MarkdownPage(try String(contentsOf: file, encoding: .utf8))
            return !target.anchors.contains(String(parts[1]))
        }
    }
}
