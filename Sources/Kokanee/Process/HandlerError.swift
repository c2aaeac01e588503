/// An attempt that failed because its process did: it crashed, broke the protocol, or could not be started.
///
/// The retry policy decides what becomes of the job, as of any error.
public struct HandlerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong, in kind. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Base: String {
            case died, brokeProtocol, timedOut, failed, notStarted, closed
        }

        private let base: Base

        /// The process ended with the job in its hands.
        public static let died = Code(base: .died)
        /// The process wrote something that is no answer to the job in its hands, or closed its standard input
        /// or output.
        public static let brokeProtocol = Code(base: .brokeProtocol)
        /// The process took longer for the job than ``ProcessPool/Configuration/timeout`` lets it.
        public static let timedOut = Code(base: .timedOut)
        /// The command ended with an exit status that is not 0, or by a signal.
        public static let failed = Code(base: .failed)
        /// The command could not be started.
        public static let notStarted = Code(base: .notStarted)
        /// The handler was closed before the job was done.
        public static let closed = Code(base: .closed)

        public var description: String { base.rawValue }
    }

    public let code: Code
    public let message: String

    public var description: String { message }

    static let closed = HandlerError(code: .closed, message: "the handler was closed before the job was done")
}
