internal import Foundation

/// `sha256sum`, the judge of all digests.
struct Judge: Sendable {
    /// What stands against the digests of the jobs.
    struct Verdict: Sendable {
        /// Files whose digest is another.
        var wrong: [String] = []
        /// Files that have none.
        var missing: [String] = []
        /// What `sha256sum` can't read.
        var unreadable: Set<String> = []
        var right = 0
    }

    /// By path; what could not be read is not in it.
    private let digests: [String: String]
    private let paths: [String]

    init(_ paths: [String]) async throws {
        self.paths = paths
        // Both sides separated by NUL: a name may hold anything else.
        let output = try await Tool("/usr/bin/xargs").output(
            ["-0", "sha256sum", "-z", "--"],
            input: Data(paths.joined(separator: "\0").utf8)
        )
        var digests: [String: String] = [:]
        for line in output.split(separator: 0) {
            let text = String(decoding: line, as: UTF8.self)
            // 64 digits, a space, and another or an asterisk.
            digests[String(text.dropFirst(66))] = String(text.prefix(64))
        }
        self.digests = digests
    }

    func judge(_ book: [String: String]) -> Verdict {
        var verdict = Verdict()
        for path in paths {
            switch (digests[path], book[path]) {
            case (nil, _): verdict.unreadable.insert(path)
            case (_?, nil): verdict.missing.append(path)
            case (let expected?, let found?) where expected == found: verdict.right += 1
            default: verdict.wrong.append(path)
            }
        }
        return verdict
    }
}
