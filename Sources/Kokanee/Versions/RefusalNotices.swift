internal import Synchronization

/// What a worker has said of the types and versions that it can't run: once each, for there may be a million such jobs.
final class RefusalNotices: Sendable {
    private static let most = 200
    private let said = Mutex<Set<String>>([])

    /// Whether nothing was said of it yet.
    func isNews(_ queue: String, _ type: String, _ version: Int) -> Bool {
        said.withLock { $0.count < Self.most && $0.insert("\(queue)\n\(type)\n\(version)").inserted }
    }
}
