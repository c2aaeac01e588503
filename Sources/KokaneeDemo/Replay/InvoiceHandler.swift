internal import Foundation
internal import Glibc

/// The program behind `kokanee work --handler`: `kokanee-demo --invoices BUILD RESULTS MAILS` reads jobs from its stdin, a line of
/// JSON each, appends a line to RESULTS for each that it totals, and to MAILS for each customer that it writes to.
enum InvoiceHandler {
    private struct Request: Decodable {
        let id: String
        let type: String
        let data: InvoiceJob
        let replay: String?
        let rehearsal: Bool?
    }

    static func run(build: String, results: String, mails: String) -> Never {
        let release = InvoiceRelease(build: build)
        let files = (append(results), append(mails))
        let decoder = JSONDecoder()
        while let line = readLine() {
            guard let request = try? decoder.decode(Request.self, from: Data(line.utf8)) else {
                say("{\"id\":\"\",\"ok\":false,\"error\":\"not a request\"}")
                continue
            }
            let now = now()
            let gross = release.gross(request.data, type: request.type)
            let isRehearsal = request.rehearsal == true
            // Nobody is written to twice, and nothing is kept of a rehearsal: it is only said what would be done.
            let mail = "\(request.data.number) \(request.type) \(gross)\n"
            if isRehearsal {
                say("{\"id\":\"\(request.id)\",\"effect\":{\"name\":\"result.store\",\"detail\":\"\(gross)\"}}")
            } else {
                write(
                    InvoiceResult.line(
                        request.data,
                        type: request.type,
                        gross: gross,
                        build: build,
                        replay: request.replay,
                        now: now
                    ),
                    files.0
                )
                if request.replay == nil { write(mail, files.1) }
            }
            say("{\"id\":\"\(request.id)\",\"ok\":true}")
        }
        exit(0)
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func append(_ path: String) -> Int32 {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            perror("can't open \(path)")
            exit(1)
        }
        return file
    }

    /// In one call: several processes append to one file.
    private static func write(_ text: String, _ file: Int32) {
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else { exit(1) }
    }
}
