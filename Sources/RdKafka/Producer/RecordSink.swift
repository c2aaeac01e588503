internal import CRdKafka

/// Where a record is put together for librdkafka, which copies what it is given.
package struct RecordSink: ~Copyable {
    private let instance: ProducerInstance
    private var topicName = ""
    private var topic: OpaquePointer?
    private var headers: OpaquePointer?
    /// Comes back with the delivery report.
    var token: UnsafeMutableRawPointer?
    /// What librdkafka said to the last record.
    private(set) var code = RD_KAFKA_RESP_ERR_NO_ERROR
    /// Whether librdkafka took the last record.
    package var hasTaken: Bool { code == RD_KAFKA_RESP_ERR_NO_ERROR }

    init(_ instance: ProducerInstance) {
        self.instance = instance
    }

    /// Whether librdkafka has no record that is not acknowledged, and no report of one.
    var isQueueEmpty: Bool { rd_kafka_outq_len(instance.handle.pointer) == 0 }

    /// The last record is more than librdkafka's whole queue takes, `queue.buffering.max.kbytes`.
    mutating func refuseAsTooLarge() { code = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE }

    deinit {
        if let headers { rd_kafka_headers_destroy(headers) }
    }

    /// Begins a record.
    ///
    /// - Parameter headers: about how many there will be.
    package mutating func begin(topic name: String, headers count: Int) {
        if topic == nil || name != topicName {
            topic = instance.topic(name)
            topicName = name
        }
        // What was refused has left none behind: `send` destroys them.
        headers = count > 0 ? rd_kafka_headers_new(count) : nil
    }

    /// Begins a record with the headers that a consumed one has, but for some names.
    package mutating func begin(
        topic name: String,
        headersOf message: ConsumedMessage,
        without isDropped: (_ name: UnsafeRawBufferPointer) -> Bool
    ) {
        begin(topic: name, headers: 16)
        let list = headers
        message.forEachHeader { name, value in
            if !isDropped(name) { Self.add(name, value, to: list) }
        }
    }

    /// Adds a header of a record that was begun with some; nil is a null value.
    package mutating func add(_ name: String, _ value: UnsafeRawBufferPointer?) {
        var name = name
        name.withUTF8 { add(UnsafeRawBufferPointer($0), value) }
    }

    package mutating func add(_ name: String, _ value: Bytes?) {
        var name = name
        name.withUTF8 { name in
            value.withBuffer { value in add(UnsafeRawBufferPointer(name), value) }
        }
    }

    /// Adds a header whose value is text.
    package mutating func add(_ name: String, text value: String) {
        var (name, value) = (name, value)
        name.withUTF8 { name in
            value.withUTF8 { value in add(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(value)) }
        }
    }

    package mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        Self.add(name, value, to: headers)
    }

    private static func add(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        to headers: OpaquePointer?
    ) {
        guard let value else {
            _ = rd_kafka_header_add(headers, name.baseAddress, name.count, nil, 0)
            return
        }
        // An empty value is not a null one: librdkafka tells them apart by the pointer.
        let start = value.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
        _ = rd_kafka_header_add(headers, name.baseAddress, name.count, start, value.count)
    }

    /// Hands the record to librdkafka.
    ///
    /// - Parameters:
    ///   - partition: nil leaves the choice to the partitioner.
    ///   - timestamp: milliseconds since the epoch; nil is now.
    package mutating func send(partition: Int32?, key: Bytes?, value: Bytes?, timestamp: Int64?) {
        defer { headers = nil }
        // librdkafka refuses names of more than 512 bytes.
        guard let topic else {
            code = RD_KAFKA_RESP_ERR__INVALID_ARG
            if let headers { rd_kafka_headers_destroy(headers) }
            return
        }
        code = key.withBuffer { key in
            value.withBuffer { value in
                crdkafka_produce(
                    instance.handle.pointer,
                    topic,
                    partition ?? RD_KAFKA_PARTITION_UA,
                    key?.baseAddress,
                    key?.count ?? 0,
                    value?.baseAddress,
                    value?.count ?? 0,
                    headers,
                    timestamp ?? 0,
                    token
                )
            }
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, let headers { rd_kafka_headers_destroy(headers) }
    }

    /// Puts a whole record together and hands it over.
    package mutating func offer(_ record: borrowing ProducerRecord) {
        begin(topic: record.topic, headers: record.headers.count)
        for header in record.headers { add(header.name, header.value) }
        send(partition: record.partition, key: record.key, value: record.value, timestamp: record.timestamp)
    }
}
