internal import Kokanee

/// The demo's job: compute the SHA-256 of the file that it names.
struct HashFile: Job {
    static let type = "file.hash"
    var path: String

    func perform(_ context: JobContext) async throws {
        let digest = try await Blocking.run { try FileDigest.sha256(of: path) }
        DigestBook.shared.write(digest, for: path)
    }
}
