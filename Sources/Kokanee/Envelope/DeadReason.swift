/// Why a job is a dead letter; `kokanee-reason` on the wire.
public struct DeadReason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The retry policy grants no further attempt.
    public static let attemptsExhausted = DeadReason(rawValue: "attempts-exhausted")
    /// The handler said ``JobError/deadLetter(_:)``.
    public static let rejected = DeadReason(rawValue: "rejected")
    /// The record's headers, or its payload, can't be read as a job.
    public static let undecodable = DeadReason(rawValue: "undecodable")
    /// The worker has no handler for the job's type.
    public static let unknownType = DeadReason(rawValue: "unknown-type")
    /// The payload's version is above the one that the handler knows.
    public static let versionTooNew = DeadReason(rawValue: "version-too-new")
    /// Its time was over before an attempt began, under ``ExpiryPolicy/deadLetter``.
    public static let expired = DeadReason(rawValue: "expired")
    /// Its rung takes no record of its size.
    public static let tooLarge = DeadReason(rawValue: "too-large")

    public var description: String { rawValue }

    /// Whether the last attempt was executed; else the job died before it began.
    public var followsAnAttempt: Bool { [.attemptsExhausted, .rejected, .tooLarge].contains(self) }

    /// A reason as this package, or a later version of it, writes one: letters and hyphens.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard (1...64).contains(bytes.count),
            bytes.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        self.init(rawValue: String(decoding: bytes, as: UTF8.self))
    }
}
