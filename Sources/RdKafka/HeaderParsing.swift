internal import CRdKafka
internal import Glibc
internal import Synchronization

/// A message's headers as librdkafka tells them, where ``WireHeaders`` can't: it parses them into a list when it is first
/// asked, and keeps that with the message.
struct HeaderParsing {
    private let message: UnsafePointer<rd_kafka_message_t>

    init(_ message: UnsafePointer<rd_kafka_message_t>) {
        self.message = message
    }

    private final class Stripe: Sendable {
        let lock = Mutex(())
    }

    /// Of several threads that ask for one message's headers one parses, and the others find its list.
    private static let stripes = (0..<16).map { _ in Stripe() }

    /// As ``WireHeaders/forEachHeader(_:)``, but that librdkafka tells a name up to its first zero byte.
    func forEachHeader(_ body: ConsumedMessage.HeaderBody) -> Bool {
        let stripe = UInt(bitPattern: message) >> 6 % UInt(Self.stripes.count)
        return Self.stripes[Int(stripe)].lock.withLock { _ in readList(body) }
    }

    private func readList(_ body: ConsumedMessage.HeaderBody) -> Bool {
        var headers: OpaquePointer?
        let code = rd_kafka_message_headers(message, &headers)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return code == RD_KAFKA_RESP_ERR__NOENT }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var length = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR {
            index += 1
            guard let name else { continue }
            let nameBytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
            body(nameBytes, value.map { UnsafeRawBufferPointer(start: $0, count: length) })
        }
        return true
    }
}
