internal import CRdKafka

/// Owns one instance of librdkafka.
///
/// `@unchecked Sendable`: librdkafka's handle is thread-safe, and the pointer never changes; it is destroyed when the
/// last owner lets go, after which nobody can have it.
final class ClientHandle: @unchecked Sendable {
    enum Kind {
        case producer, consumer
    }

    /// librdkafka queues statistics for callers of its polls whether or not they want them, and many clients are never polled.
    private static let required = ["statistics.interval.ms": "0"]

    let pointer: OpaquePointer
    private let callbacks: Unmanaged<Callbacks>

    /// - Parameters:
    ///   - prepare: sets what properties can't, such as the enabled events, before the instance starts.
    ///   - onFailedDelivery: why a record was not delivered, and its topic, on the thread that polls, flushes, commits or aborts; for
    ///     producers without events for deliveries.
    ///   - onError: librdkafka's word on connections and other things that no call asked for, on any thread that polls.
    init(
        _ kind: Kind,
        _ configuration: ClientConfiguration,
        prepare: (OpaquePointer) -> Void = { _ in },
        onFailedDelivery: (@Sendable (KafkaError, _ topic: String) -> Void)? = nil,
        onError: (@Sendable (KafkaError) -> Void)? = nil
    ) throws(KafkaError) {
        let conf = rd_kafka_conf_new()!
        callbacks = Unmanaged.passRetained(Callbacks(configuration.log, onError, onFailedDelivery))
        var message = [CChar](repeating: 0, count: 512)
        let properties = configuration.with(required: Self.required).properties
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            guard rd_kafka_conf_set(conf, name, value, &message, message.count) != RD_KAFKA_CONF_OK else { continue }
            rd_kafka_conf_destroy(conf)
            callbacks.release()
            throw KafkaError(
                code: .localInvalidArgument,
                operation: "setting librdkafka's property \(name)",
                message: Self.text(message)
            )
        }
        rd_kafka_conf_set_opaque(conf, callbacks.toOpaque())
        rd_kafka_conf_set_log_cb(conf) { handle, level, facility, text in
            guard let handle, let opaque = rd_kafka_opaque(handle), let facility, let text else { return }
            let severity = ClientConfiguration.LogSeverity(rawValue: level) ?? .debug
            Unmanaged<Callbacks>.fromOpaque(opaque).takeUnretainedValue()
                .log(severity, String(cString: facility), String(cString: text))
        }
        if onError != nil {
            rd_kafka_conf_set_error_cb(conf) { _, code, reason, opaque in
                guard let opaque else { return }
                Unmanaged<Callbacks>.fromOpaque(opaque).takeUnretainedValue()
                    .report(rd_kafka_resp_err_t(code), reason.map { String(cString: $0) })
            }
        }
        if onFailedDelivery != nil {
            rd_kafka_conf_set_dr_msg_cb(conf) { _, message, opaque in
                guard let message, let opaque, message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
                Unmanaged<Callbacks>.fromOpaque(opaque).takeUnretainedValue().report(undelivered: message.pointee)
            }
        }
        prepare(conf)
        let type = kind == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
        guard let pointer = rd_kafka_new(type, conf, &message, message.count) else {
            rd_kafka_conf_destroy(conf)
            callbacks.release()
            throw KafkaError(
                code: .localInvalidArgument,
                operation: "starting a Kafka \(kind)",
                message: Self.text(message)
            )
        }
        self.pointer = pointer
    }

    deinit {
        // It joins librdkafka's threads, and the last owner may be on the Swift pool. What closes a consumer in
        // good order has been called by then; left to itself rd_kafka_destroy would wait for a rebalance.
        let handle = pointer
        let callbacks = callbacks
        OSThread.start(name: "rdk:destroy") { [handle = UInt(bitPattern: handle)] in
            rd_kafka_destroy_flags(OpaquePointer(bitPattern: handle), Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
            callbacks.release()
        }
    }

    /// Whether an error has made the instance unusable. It costs next to nothing.
    var isFatal: Bool { rd_kafka_fatal_error(pointer, nil, 0) != RD_KAFKA_RESP_ERR_NO_ERROR }

    /// The error that made the instance unusable, if one has.
    var fatalError: KafkaError? {
        var message = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(pointer, &message, message.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(
            code: .init(code),
            operation: "running client \(String(cString: rd_kafka_name(pointer)))",
            message: Self.text(message),
            isFatal: true
        )
    }

    private static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private final class Callbacks: Sendable {
        let log: @Sendable (ClientConfiguration.LogSeverity, String, String) -> Void
        let error: (@Sendable (KafkaError) -> Void)?
        let failedDelivery: (@Sendable (KafkaError, _ topic: String) -> Void)?

        init(
            _ log: @escaping @Sendable (ClientConfiguration.LogSeverity, String, String) -> Void,
            _ error: (@Sendable (KafkaError) -> Void)?,
            _ failedDelivery: (@Sendable (KafkaError, _ topic: String) -> Void)?
        ) {
            self.log = log
            self.error = error
            self.failedDelivery = failedDelivery
        }

        func report(undelivered message: rd_kafka_message_t) {
            let topic = message.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
            failedDelivery?(KafkaError(message.err, operation: "producing to \(topic)/\(message.partition)"), topic)
        }

        func report(_ code: rd_kafka_resp_err_t, _ reason: String?) {
            error?(KafkaError(code, operation: "talking to the brokers", message: reason))
        }
    }
}
