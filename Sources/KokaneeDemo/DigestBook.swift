internal import Synchronization

/// Where the jobs write their results: by path, so that a job that runs twice writes the same line twice.
///
/// A service would have a database here. That is what makes a job idempotent: the place of its effect is a function of
/// the job, not of the attempt.
final class DigestBook: Sendable {
    static let shared = DigestBook()

    private let lines = Mutex<[String: String]>([:])

    func write(_ digest: String, for path: String) {
        lines.withLock { $0[path] = digest }
    }

    var all: [String: String] { lines.withLock(\.self) }
}
