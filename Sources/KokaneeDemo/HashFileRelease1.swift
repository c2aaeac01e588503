internal import Kokanee

/// The job as the demo's first release had it: the same type on the wire, with a bug.
///
/// It believes that one `read` brings a file whole. A file that is empty it takes for one that can't be read, so that
/// the job fails and shows among the dead letters. Of a file larger than its buffer it hashes the beginning, which
/// nobody notices until somebody compares.
struct HashFileRelease1: Job {
    static let type = HashFile.type
    static let bufferSize = 64 << 10
    var path: String

    func perform(_ context: JobContext) async throws {
        let digest = try await Blocking.run {
            var file = try InputFile(path)
            var hash = try SHA256()
            let count = try file.read(atMost: Self.bufferSize) { try hash.update($0) }
            guard count > 0 else { throw NothingRead(path: path) }
            return try hash.finish()
        }
        DigestBook.shared.write(digest, for: path)
    }

    struct NothingRead: Error, CustomStringConvertible {
        /// What the operator looks for among the dead letters.
        static let words = "nothing read"

        let path: String

        var description: String { "\(Self.words) from \(path)" }
    }
}
