internal import CRdKafka
internal import Glibc
internal import Synchronization

/// What ``AdminClient``'s calls share: librdkafka's clients, and the last trouble with a connection.
///
/// Everything here blocks; ``run(_:)`` keeps it off the Swift pool.
final class AdminSession: Sendable {
    private struct State {
        var main: ClientHandle
        var group: (id: String, handle: ClientHandle)?
    }

    private let configuration: ClientConfiguration
    private let trouble = ConnectionTrouble()
    private let state: Mutex<State>

    init(_ configuration: ClientConfiguration) throws(KafkaError) {
        var configuration = configuration.with(
            // How long librdkafka believes in a leader or coordinator that it once knew; else it is a quarter of an
            // hour, and a call to a broker that is gone fails for as long.
            defaults: ["metadata.max.age.ms": "5000"],
            // Naming a topic must not create it. A broker too old to be told so logs that, which helps nobody.
            required: ["allow.auto.create.topics": "false", "enable.auto.commit": "false"]
        )
        // With a group of its own each client would go looking for that group's coordinator.
        configuration.properties["group.id"] = nil
        self.configuration = configuration
        state = Mutex(State(main: try trouble.client(configuration)))
    }

    var bootstrapServers: String { configuration.bootstrapServers }

    /// The client for everything that is not tied to one group.
    var main: ClientHandle { state.withLock(\.main) }

    /// Runs `body` on a thread of its own; a connection's trouble joins the error of a call that waited in vain.
    func run<R: Sendable>(
        _ body: @escaping @Sendable (AdminSession) throws(KafkaError) -> R
    ) async throws(KafkaError) -> R {
        let result = await withCheckedContinuation { continuation in
            OSThread.start(name: "rdk:admin") {
                self.serveCallbacks()
                let result = Result { () throws(KafkaError) -> R in try body(self) }
                self.serveCallbacks()
                if case .success = result { self.trouble.forget() }
                continuation.resume(returning: result.mapError(self.trouble.explain))
            }
        }
        return try result.get()
    }

    /// librdkafka queues errors of connections until somebody polls.
    func serveCallbacks() {
        let handles = state.withLock { [$0.main, $0.group?.handle].compactMap(\.self) }
        for handle in handles { rd_kafka_poll(handle.pointer, 0) }
    }

    var lastTrouble: KafkaError? { trouble.last }

    /// Repeats `body` while it fails in a way that passes by itself. It must be harmless to repeat.
    ///
    /// - Parameter body: is given a deadline for one attempt, after which the next may have more luck: librdkafka keeps
    ///   a request for the broker that it chose, also when that broker has just gone away.
    func retrying<R>(
        until deadline: Deadline,
        _ body: (_ session: AdminSession, _ attempt: Deadline) throws(KafkaError) -> R
    ) throws(KafkaError) -> R {
        let pause = Duration.milliseconds(100)
        var patience = Duration.seconds(1)
        while true {
            do throws(KafkaError) {
                return try body(self, Deadline(after: min(patience, deadline.remaining)))
            } catch {
                let passes = error.isRetriable && error.code != .unknownTopicOrPartition
                guard passes, deadline.remaining > pause else { throw error }
                // librdkafka goes on believing in its leaders and coordinators, whatever the broker says.
                if error.code == .notCoordinator || error.code == .notLeader { try renewMain() }
                usleep(UInt32(pause.wholeMilliseconds) * 1000)
                patience *= 2
            }
        }
    }

    /// A client that is a consumer of `group` without ever joining it; the last one is kept.
    func client(ofGroup group: String) throws(KafkaError) -> ClientHandle {
        if let known = state.withLock({ $0.group?.id == group ? $0.group?.handle : nil }) { return known }
        let new = try trouble.client(configuration.with(required: ["group.id": group]))
        state.withLock { $0.group = (group, new) }
        return new
    }

    /// A client that lets the broker create the topics that it names, for one call: it would go on naming them.
    func creatingClient() throws(KafkaError) -> ClientHandle {
        try trouble.client(configuration.with(required: ["allow.auto.create.topics": "true"]))
    }

    /// Fails what the embedded broker can't do: librdkafka would wait for an answer, or for a controller, until the
    /// timeout.
    func refuseEmbeddedBroker(_ operation: String, _ deadline: Deadline) throws(KafkaError) {
        let client = main
        guard let id = rd_kafka_clusterid(client.pointer, max(deadline.remaining.wholeMilliseconds, 1)) else { return }
        defer { rd_kafka_mem_free(client.pointer, id) }
        guard String(cString: id).hasPrefix("mockCluster") else { return }
        throw KafkaError(
            code: .localUnsupportedFeature,
            operation: operation,
            message: "the embedded broker does not know how to do this"
        )
    }

    private func renewMain() throws(KafkaError) {
        let new = try trouble.client(configuration)
        state.withLock { $0.main = new }
    }
}

extension AdminSession {
    /// Sends one request of librdkafka's admin API and reads its result from the event that answers.
    func request<R>(
        _ api: rd_kafka_admin_op_t,
        _ operation: String,
        _ deadline: Deadline,
        send: (_ client: OpaquePointer, _ options: OpaquePointer, _ queue: OpaquePointer) -> Void,
        read: (_ event: OpaquePointer) throws(KafkaError) -> R
    ) throws(KafkaError) -> R {
        // Commits by another name are the one request here that it knows.
        if api != RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS { try refuseEmbeddedBroker(operation, deadline) }
        // Held until queue and event are gone: another call may have the session's client made anew meanwhile.
        let client = main
        defer { withExtendedLifetime(client) {} }
        let queue = rd_kafka_queue_new(client.pointer)!
        defer { rd_kafka_queue_destroy(queue) }
        let options = rd_kafka_AdminOptions_new(client.pointer, api)!
        defer { rd_kafka_AdminOptions_destroy(options) }
        let limit = min(max(deadline.remaining.wholeMilliseconds, 1), 3_600_000)
        rd_kafka_AdminOptions_set_request_timeout(options, limit, nil, 0)
        // How long the broker may take; only some requests have it, and the others refuse it without harm.
        rd_kafka_AdminOptions_set_operation_timeout(options, limit, nil, 0)
        send(client.pointer, options, queue)
        // The request's own timeout answers first; the second is for that answer to get here.
        guard let event = rd_kafka_queue_poll(queue, limit + 1000) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, operation: operation)
        }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw KafkaError(code, operation: operation, message: String(cString: rd_kafka_event_error_string(event)))
        }
        return try read(event)
    }
}

/// Remembers why a connection last failed, for those who wait for it in vain.
private final class ConnectionTrouble: Sendable {
    private let state = Mutex<KafkaError?>(nil)

    var last: KafkaError? { state.withLock(\.self) }

    func client(_ configuration: ClientConfiguration) throws(KafkaError) -> ClientHandle {
        let remember: @Sendable (KafkaError) -> Void = { error in
            // It comes after the errors that tell why.
            guard error.code != .localAllBrokersDown else { return }
            self.state.withLock { $0 = error }
        }
        return try ClientHandle(.consumer, configuration, onError: remember)
    }

    func forget() {
        state.withLock { $0 = nil }
    }

    func explain(_ error: KafkaError) -> KafkaError {
        guard [.localTimedOut, .localTransport, .localAllBrokersDown].contains(error.code), let last else {
            return error
        }
        guard !error.message.contains(last.message) else { return error }
        return KafkaError(
            code: error.code,
            operation: error.operation,
            message: "\(error.message); the last connection failed with: \(last.message)",
            isFatal: error.isFatal,
            isRetriable: error.isRetriable
        )
    }
}
