internal import RdKafka
internal import Synchronization

/// How large the payloads may be that a ``JobClient`` enqueues.
///
/// A job's payload is copied at every hop, and is held in memory while the job waits for its turn. Enqueue where the data
/// is, such as an id or a path, not the data.
public struct PayloadLimits: Sendable {
    /// Payloads above so many bytes are warned of, once for each type. Default 64 KiB.
    public var warning: Int
    /// A job whose payload and key have more bytes is refused. Default nil: what the client's `message.max.bytes` takes,
    /// less 16 KiB for headers, which grow on hops.
    public var maximum: Int?

    public init(warning: Int = Self.defaultWarning, maximum: Int? = nil) {
        self.warning = warning
        self.maximum = maximum
    }

    public static let defaultWarning = 64 << 10

    static let advice = "Enqueue where the data is, such as an id or a path, not the data"

    /// - Parameter messageLimit: the client's `message.max.bytes`.
    static func maximum(under messageLimit: Int) -> Int {
        max(messageLimit - (16 << 10), messageLimit / 2)
    }
}

/// Looks at the sizes of payloads for one client.
final class PayloadWatch: Sendable {
    /// Types are the caller's to name, and may be any number.
    private static let mostTypes = 1000

    let warning: Int
    let maximum: Int
    private let logger: Logger
    private let warned = Mutex<Set<String>>([])

    init(_ limits: PayloadLimits, messageLimit: Int, logger: Logger) {
        warning = limits.warning
        maximum = limits.maximum ?? PayloadLimits.maximum(under: messageLimit)
        self.logger = logger
    }

    /// Whether a job is worth a second look: hardly any is.
    @inline(__always)
    func isNotable(_ size: Int) -> Bool { size > warning || size > maximum }

    /// - Parameter size: of payload and key.
    /// - Throws: ``InputError`` where it is too large.
    func look(at job: NewJob, size: Int, queue: Queue) throws {
        let payload = job.payload?.count ?? 0
        guard size <= maximum else {
            let key = payload < size ? " with its key of \(size - payload)" : ""
            throw InputError(
                """
                a payload of \(payload) bytes\(key) is too large: \(SafeText.quoted(job.type)) jobs may have \
                \(maximum). \(PayloadLimits.advice)
                """
            )
        }
        guard payload > warning else { return }
        let isNew = warned.withLock { $0.count < Self.mostTypes && $0.insert(job.type).inserted }
        guard isNew else { return }
        logger.log(
            .warning,
            "a job has a large payload, of which its topics keep every copy; others of its type are not told of",
            [
                "queue": queue.name, "type": job.type, "bytes": "\(payload)", "warned above": "\(warning)",
                "advice": PayloadLimits.advice,
            ]
        )
    }
}
