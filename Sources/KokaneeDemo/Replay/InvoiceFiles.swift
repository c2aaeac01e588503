internal import Foundation
internal import Glibc
internal import RdKafka

/// What the story's programs write, in a directory that is gone in the end.
struct InvoiceFiles: Sendable {
    let directory: URL

    var results: String { path("results") }
    var mails: String { path("mails") }
    var log: String { path("log") }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "kokanee-demo-replay-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    /// - Returns: the path of a file for the command line's `-F`.
    func write(_ client: ClientConfiguration) throws -> String {
        let lines = client.properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
        try Data(lines.joined().utf8).write(to: URL(filePath: path("client.properties")))
        return path("client.properties")
    }

    /// What handlers have written so far.
    func readResults() throws -> [InvoiceResult] {
        guard let data = try? Data(contentsOf: URL(filePath: results)) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap(InvoiceResult.init)
    }

    /// The invoices whose customers were written to, as often as they were.
    func readMails() throws -> [Substring] {
        let data = try Data(contentsOf: URL(filePath: mails))
        return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap {
            $0.split(separator: " ").first
        }
        .map { Substring(String($0)) }
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }
}

/// The judge of all totals: an awk program that knows the taxes by itself.
enum InvoiceJudge {
    private static let program = """
        BEGIN { tax["DE"] = 19; tax["FR"] = 20; tax["NO"] = 25; tax["CH"] = 8; tax["US"] = 0 }
        { if (int(($3 * (100 + tax[$2]) + 50) / 100) != $4) print $1 }
        """

    /// The numbers of the invoices whose totals are wrong.
    static func wrong(_ results: some Collection<InvoiceResult>) async throws -> Set<Int> {
        let lines = results.map { "\($0.number) \($0.country) \($0.net) \($0.gross)\n" }
        let output = try await Tool("/usr/bin/awk").output([program], input: Data(lines.joined().utf8))
        return Set(String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { Int($0) })
    }
}
