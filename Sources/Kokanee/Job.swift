/// A kind of job: what it carries, and what is done with it.
///
///     struct SendInvoice: Job {
///         static let type = "invoice.send"
///         var invoice: Int
///
///         func perform(_ context: JobContext) async throws {
///             try await mailer.send(invoice: invoice)
///         }
///     }
///
/// A job runs at least once, and more than once after a crash: make its effects idempotent.
public protocol Job: Codable, Sendable {
    /// The job type's name on the wire (`ce_type`). It outlives the Swift type's name: choose it once.
    static var type: String { get }
    /// The payload's version (`ce_dataschemaversion`). What a worker does with versions newer than its own is
    /// ``WorkerConfiguration/newerVersions``.
    static var version: Int { get }
    /// Whether one job of the type stands for others that are enqueued meanwhile; nil, unless a type says otherwise, is that
    /// all run. See docs/once.md.
    static var uniqueness: Uniqueness? { get }
    /// Names that the type had before. Jobs that still come under one of them are run, too.
    static var aliases: [String] { get }
    /// Values of members that a payload may lack, by the members' names on the wire.
    ///
    /// Swift's decoding knows nothing of a property's `= 1`: where an older payload has no such member, it fails. With
    /// `["copies": 1]` the member is there. Only the payload's own members can have one, not those within them.
    static var defaults: [String: any Encodable & Sendable] { get }
    /// What brings payloads of older versions up to this one.
    static var upgrades: [PayloadUpgrade] { get }

    /// One attempt. A thrown ``JobError`` says what happens to the job; any other error climbs the ladder.
    func perform(_ context: JobContext) async throws
}

extension Job {
    public static var version: Int { 1 }
    public static var uniqueness: Uniqueness? { nil }
    public static var aliases: [String] { [] }
    public static var defaults: [String: any Encodable & Sendable] { [:] }
    public static var upgrades: [PayloadUpgrade] { [] }
}
