internal import CRdKafka
internal import Glibc
internal import Synchronization

/// Reads a message's headers, and leaves nothing of them in memory where that can be helped.
///
/// librdkafka parses headers into a list with an allocation for each, and keeps it until the message is destroyed, mostly
/// on another thread. Taking the list off the message and destroying it at once is faster, and halves what a small record
/// takes in memory. That they can be parsed again is not promised, though true of 2.0.2 and all later releases as of
/// 2.14: the first message tells, and where they can't, the list stays with its message.
struct HeaderParsing {
    private enum Mode: UInt8 {
        case unknown, again, once
    }

    /// The most headers of which some are dropped from librdkafka's own list.
    private static let mostTaken = 64
    private static let mode = Atomic(Mode.unknown.rawValue)
    private let message: UnsafeMutablePointer<rd_kafka_message_t>

    init(_ message: UnsafePointer<rd_kafka_message_t>) {
        self.message = UnsafeMutablePointer(mutating: message)
    }

    /// Runs `body` while no other thread parses the same message's headers.
    static func locked<R: Sendable>(_ message: UnsafePointer<rd_kafka_message_t>, _ body: (Self) -> R) -> R {
        let stripe = UInt(bitPattern: message) >> 6 % UInt(stripes.count)
        return stripes[Int(stripe)].lock.withLock { _ in body(Self(message)) }
    }

    private final class Stripe: Sendable {
        let lock = Mutex(())
    }

    private static let stripes = (0..<16).map { _ in Stripe() }

    /// False where the headers can't be read.
    func forEachHeader(_ body: ConsumedMessage.HeaderBody) -> Bool {
        var headers: OpaquePointer?
        let mode = Self.mode.load(ordering: .relaxed)
        let code =
            mode == Mode.once.rawValue
            ? rd_kafka_message_headers(message, &headers) : rd_kafka_message_detach_headers(message, &headers)
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
        switch mode {
        case Mode.again.rawValue: rd_kafka_headers_destroy(headers)
        case Mode.once.rawValue: break
        default: findMode(headers)
        }
        return true
    }

    /// See ``ConsumedMessage/takeHeaders(without:)``.
    func take(without isDropped: (_ name: UnsafeRawBufferPointer) -> Bool) -> OpaquePointer? {
        var headers: OpaquePointer?
        // The message keeps the bytes: it is read again, be it that there is no room for the record that they are for.
        guard Self.mode.load(ordering: .relaxed) == Mode.again.rawValue,
            rd_kafka_message_detach_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers
        else { return nil }
        // Each that is dropped makes all behind it move up, and somebody may have written 100,000.
        guard rd_kafka_header_cnt(headers) <= Self.mostTaken else {
            rd_kafka_headers_destroy(headers)
            return nil
        }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var length = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR {
            // All of the name are removed, this one among them, and what follows moves up.
            guard let name, isDropped(UnsafeRawBufferPointer(start: name, count: strlen(name))),
                dropAll(name, of: headers)
            else {
                index += 1
                continue
            }
        }
        return headers
    }

    private func dropAll(_ name: UnsafePointer<CChar>, of headers: OpaquePointer) -> Bool {
        // The name lives in a header that goes away while librdkafka still compares with it.
        guard let copy = strdup(name) else { return false }
        defer { free(copy) }
        return rd_kafka_header_remove(headers, copy) == RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Learns from a message whose headers have been taken off whether they can be parsed again.
    private func findMode(_ headers: OpaquePointer) {
        var again: OpaquePointer?
        let code = rd_kafka_message_detach_headers(message, &again)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let again, rd_kafka_header_cnt(again) == rd_kafka_header_cnt(headers) {
            rd_kafka_headers_destroy(again)
            rd_kafka_headers_destroy(headers)
            Self.mode.store(Mode.again.rawValue, ordering: .relaxed)
        } else {
            rd_kafka_message_set_headers(message, headers)
            Self.mode.store(Mode.once.rawValue, ordering: .relaxed)
        }
    }
}
