internal import RdKafka

/// Why a job could not read or write its queue's state.
public struct StateError: Error, Sendable, CustomStringConvertible {
    public struct Code: Sendable, Hashable {
        enum Kind {
            case tooLarge
            case fenced
        }

        let kind: Kind

        /// The value is larger than a checkpoint may be.
        public static let tooLarge = Code(kind: .tooLarge)
        /// The attempt's partition belongs to another worker by now: nothing of the attempt counts any more.
        public static let fenced = Code(kind: .fenced)
    }

    public let code: Code
    public let description: String

    static func tooLarge(_ size: Int, limit: Int) -> StateError {
        StateError(
            code: .tooLarge,
            description: "a checkpoint of \(size) bytes is larger than the \(limit) that it may have: "
                + "keep the data elsewhere, and in the checkpoint where it is"
        )
    }

    static func fenced(_ content: JobContent) -> StateError {
        StateError(
            code: .fenced,
            description:
                "the attempt of job \(content.id) at \(content.place) is over: its partition was taken from this "
                + "worker, and the job runs elsewhere"
        )
    }
}
