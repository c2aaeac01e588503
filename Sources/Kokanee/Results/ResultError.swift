/// There is no result: the job ended without one, or is not known to have ended.
public struct ResultError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Why, in kind. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Base: String {
            case dead, discarded, cancelled, nothing, expired, timedOut
        }

        private let base: Base

        /// The job became a dead letter. It may be retried by hand, and leave a result after all.
        public static let dead = Code(base: .dead)
        /// The job was discarded: its handler said so, or its time was over.
        public static let discarded = Code(base: .discarded)
        /// An operator cancelled the job.
        public static let cancelled = Code(base: .cancelled)
        /// The job completed and set no result.
        public static let nothing = Code(base: .nothing)
        /// What the job left was kept for its time, which is over.
        public static let expired = Code(base: .expired)
        /// Nothing was heard of the job's end in the time that was given.
        public static let timedOut = Code(base: .timedOut)

        public var description: String { base.rawValue }
    }

    public let code: Code
    /// The job's.
    public let id: String
    /// What happened and what to do, for people.
    public let message: String

    public var description: String { message }
}
