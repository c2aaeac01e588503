import CRdKafka
import Testing

@testable import RdKafka

struct ClientPropertyTests {
    @Test("no client gathers statistics, which nobody would take from it")
    func statistics() throws {
        let configuration = ClientConfiguration(
            bootstrapServers: "127.0.0.1:1",
            properties: ["statistics.interval.ms": "10"]
        )
        for kind in [ClientHandle.Kind.producer, .consumer] {
            let handle = try ClientHandle(kind, configuration)
            var value = [CChar](repeating: 1, count: 64)
            var size = value.count
            let properties = rd_kafka_conf(handle.pointer)
            let status = rd_kafka_conf_get(properties, "statistics.interval.ms", &value, &size)
            #expect(status == RD_KAFKA_CONF_OK)
            #expect(value.prefix(2) == [CChar(UInt8(ascii: "0")), 0])
        }
    }
}
