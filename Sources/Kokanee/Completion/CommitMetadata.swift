internal import FoundationEssentials

/// What rides beside a committed offset: who committed, when the watermark last moved, the completion map, and the last
/// rewind that the partition has seen.
///
/// `k1;OWNER;MOVED-AT;MAP` or `k1;OWNER;MOVED-AT;MAP;REWIND`, the map in base64, printable throughout; fields behind
/// those are for later releases, and passed over. Text of another kind (a reset by Kafka's tools leaves it empty) is no
/// metadata of ours: nothing is known then, and nothing is assumed.
struct CommitMetadata: Equatable {
    /// The broker's default for `offset.metadata.max.bytes`.
    static let defaultLimit = 4096
    private static let ownerLimit = 128

    /// Names the worker for people: `host:pid`.
    var owner: String
    /// When the watermark last moved, in milliseconds since the epoch.
    var movedAt: Int64
    var completed: CompletionMap
    /// The id of the last ``Rewind`` that the partition's owners have applied, or found to be void for it.
    var rewind: String?

    /// The text, `limit` bytes at most; of a map that is too large the highest runs are left out, and before anything
    /// else the owner's name is cut.
    func text(above committed: Int64, limit: Int = CommitMetadata.defaultLimit) -> String {
        let time = ";\(movedAt);"
        let tail = rewind.map { ";\($0)" } ?? ""
        let fixed = 3 + time.utf8.count + tail.utf8.count
        let head = "k1;\(Self.harmless(owner, limit: min(Self.ownerLimit, max(0, limit - fixed))))\(time)"
        let room = max(0, limit - head.utf8.count - tail.utf8.count) / 4 * 3
        return head + Data(completed.encoded(above: committed, limit: room)).base64EncodedString() + tail
    }

    init(owner: String, movedAt: Int64, completed: CompletionMap, rewind: String? = nil) {
        self.owner = owner
        self.movedAt = movedAt
        self.completed = completed
        self.rewind = rewind
    }

    init?(text: String, above committed: Int64) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] == "k1", let movedAt = Int64(parts[2]),
            let bytes = Data(base64Encoded: String(parts[3])),
            let map = CompletionMap(decoding: Array(bytes), above: committed)
        else { return nil }
        // Whoever may commit may write any time: within these bounds no later difference overflows.
        self.init(owner: String(parts[1]), movedAt: Timestamp.clamped(movedAt), completed: map)
        if parts.count > 4, ReplayID.isValid(parts[4]) { rewind = String(parts[4]) }
    }

    /// An owner's name as it stands in metadata.
    static func harmless(_ owner: String, limit: Int = ownerLimit) -> String {
        let printable = owner.utf8.prefix(limit).map { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: ";") ? byte : UInt8(ascii: "_")
        }
        return String(decoding: printable, as: UTF8.self)
    }
}
