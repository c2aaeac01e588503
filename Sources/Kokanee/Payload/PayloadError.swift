/// A payload that the job's type can't be made of. Thrown by the handlers that a ``JobRegistry`` makes; the worker
/// makes the job a dead letter then, for no later attempt would fare better.
public struct PayloadError: Error, Sendable, CustomStringConvertible {
    public let type: String
    public let version: Int
    /// What is wrong with the payload, and where in it.
    public let reason: String
    /// The members' names that lead to what is wrong, if it is the decoder that says so.
    private let path: [String]
    /// The version that an upgrade was to bring the payload to; nil where it was to be decoded.
    public let upgrade: Int?

    init(type: String, version: Int, upgradingTo upgrade: Int? = nil, cause: any Error) {
        self.type = type
        self.version = version
        self.upgrade = upgrade
        reason = Self.describe(cause)
        path = Self.names(cause)
    }

    private init(_ error: PayloadError, reason: String) {
        (type, version, upgrade, path) = (error.type, error.version, error.upgrade, error.path)
        self.reason = reason
    }

    /// As it is, but for what a decoder quotes of a value that is not to be seen.
    func redacted(by redaction: Redaction) -> PayloadError {
        guard let covered = path.indices.first(where: { redaction.covers(Array(path[...$0])) }) else { return self }
        // Names below it may be what is not to be seen.
        let shown = path[...covered].joined(separator: ".")
        return PayloadError(self, reason: "\(shown) does not fit \(Redaction.placeholder)")
    }

    public var description: String {
        guard let upgrade else { return "the payload is no \(type) of version \(version): \(reason)" }
        return "the payload of \(type) can't be upgraded from version \(version) to \(upgrade): \(reason)"
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return String(describing: error) }
        switch error {
        case .keyNotFound(let key, let context):
            return "\(path(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context):
            return "\(path(context.codingPath)) is null"
        case .typeMismatch(let type, let context):
            return "\(path(context.codingPath)) is no \(type)"
        case .dataCorrupted(let context):
            let cause = context.underlyingError.map { ": \($0)" } ?? ""
            return "\(path(context.codingPath)): \(context.debugDescription)\(cause)"
        @unknown default:
            return String(describing: error)
        }
    }

    private static func names(_ error: any Error) -> [String] {
        let keys: [any CodingKey]
        switch error as? DecodingError {
        case .keyNotFound(_, let context), .valueNotFound(_, let context), .typeMismatch(_, let context),
            .dataCorrupted(let context):
            keys = context.codingPath
        default: return []
        }
        return keys.filter { $0.intValue == nil }.map(\.stringValue)
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        guard !keys.isEmpty else { return "the whole" }
        return keys.reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
