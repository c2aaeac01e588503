internal import CRdKafka
internal import Glibc

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

    /// The names of all properties that librdkafka knows, for suggestions.
    public static var knownProperties: [String] {
        var text: UnsafeMutablePointer<CChar>?
        var size = 0
        // The only list that has aliases and properties without a default is the table printed for its manual.
        guard let stream = open_memstream(&text, &size) else { return [] }
        rd_kafka_conf_properties_show(stream)
        fclose(stream)
        guard let text else { return [] }
        defer { free(text) }
        return String(cString: text).split(separator: "\n").compactMap { line in
            let columns = line.split(separator: "|", maxSplits: 2)
            guard columns.count == 3, let name = columns[0].split(separator: " ").first else { return nil }
            return name.contains(".") ? String(name) : nil
        }
    }
}
