internal import CRdKafka

extension ClientConfiguration {
    /// Why librdkafka would refuse a property, or nil where it takes it.
    public enum PropertyProblem: Error, Sendable, Equatable {
        case unknownName
        /// librdkafka's words. They can repeat the value.
        case badValue(String)
    }

    /// Asks librdkafka about one property, without starting a client.
    public static func problem(withProperty name: String, value: String) -> PropertyProblem? {
        let conf = rd_kafka_conf_new()
        defer { rd_kafka_conf_destroy(conf) }
        var message = [CChar](repeating: 0, count: 512)
        return switch rd_kafka_conf_set(conf, name, value, &message, message.count) {
        case RD_KAFKA_CONF_OK: nil
        case RD_KAFKA_CONF_UNKNOWN: .unknownName
        default: .badValue(String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
    }

    /// Names of properties that librdkafka knows: those that have a default, which is most; for suggestions.
    public static var knownProperties: [String] {
        let conf = rd_kafka_conf_new()
        defer { rd_kafka_conf_destroy(conf) }
        var count = 0
        // Names and values by turns.
        guard let dump = rd_kafka_conf_dump(conf, &count) else { return [] }
        defer { rd_kafka_conf_dump_free(dump, count) }
        return stride(from: 0, to: count, by: 2).compactMap { dump[$0].map { String(cString: $0) } }
    }
}
