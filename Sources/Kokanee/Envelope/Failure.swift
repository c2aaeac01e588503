extension Envelope {
    /// A failed attempt, as the job's record tells of it.
    public struct Failure: Sendable, Hashable {
        /// The most bytes of text that a record carries of an error.
        public static let maximumSize = 1024

        /// `type: message` in one line, without control characters, of at most ``maximumSize`` bytes.
        public let text: String
        /// When the attempt failed, in milliseconds since the epoch.
        public let at: Int64

        public init(type: String, message: String, at: Int64) {
            // Each is bounded first, so that a message of megabytes is not copied for a line.
            let type = SafeText.line(type, limit: 256)
            let message = SafeText.line(message, limit: Self.maximumSize)
            var text = type
            if !message.isEmpty {
                text += ": "
                text += message
            }
            // Both are fit for a line, so that only the whole's length is left to be looked at.
            self.text = text.utf8.count <= Self.maximumSize ? text : SafeText.line(text, limit: Self.maximumSize)
            self.at = at
        }

        /// - Parameter text: as ``text`` but for its length.
        init(text: String, at: Int64) {
            self.text = SafeText.line(text, limit: Self.maximumSize)
            self.at = at
        }

        public init(_ error: any Error, at: Int64) {
            self.init(type: String(describing: Swift.type(of: error)), message: String(describing: error), at: at)
        }
    }
}
