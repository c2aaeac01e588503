internal import Kokanee

extension OptionValues {
    /// The environment variable for who does not give `--redact`.
    static let redactVariable = "KOKANEE_REDACT"

    /// The fields of payloads that are not to be shown.
    func redactedFields(_ environment: [String: String]) -> [String] {
        guard !isSet("redact") else { return strings("redact") }
        return (environment[Self.redactVariable] ?? "").split(separator: ",").map { String(String($0).trimmed) }
    }

    func redaction(_ environment: [String: String]) throws(UsageError) -> Redaction {
        do {
            return try Redaction(redactedFields(environment))
        } catch {
            throw self.error("\(isSet("redact") ? "--redact" : "$\(Self.redactVariable)"): \(error)")
        }
    }
}
