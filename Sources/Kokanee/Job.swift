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
    /// The payload's version (`ce_dataschemaversion`). A worker dead-letters versions newer than its own.
    static var version: Int { get }
    /// Whether one job of the type stands for others that are enqueued meanwhile; nil, unless a type says otherwise, is that
    /// all run. See docs/once.md.
    static var uniqueness: Uniqueness? { get }

    /// One attempt. A thrown ``JobError`` says what happens to the job; any other error climbs the ladder.
    func perform(_ context: JobContext) async throws
}

extension Job {
    public static var version: Int { 1 }
    public static var uniqueness: Uniqueness? { nil }
}
