internal import CRdKafka

/// What is known of one record on its way. Its address is the token that librdkafka brings back with the report.
struct DeliverySlot {
    enum State: UInt8 {
        /// Neither acknowledged nor failed.
        case pending
        case delivered
        /// A delivery report said that it failed.
        case failed
        /// librdkafka did not take it.
        case refused
    }

    /// The ``PendingRecords`` that the slot is of. It owns the slot, so that it is there wherever the slot is.
    let owner: Unmanaged<PendingRecords>
    var offset: Int64 = -1
    var timestamp: Int64 = -1
    var partition: Int32 = -1
    private var rawCode: Int16 = 0
    var state = State.pending
    var timestampType = Record.TimestampType.none

    /// All of librdkafka's codes are between -200 and 200.
    var code: rd_kafka_resp_err_t {
        get { rd_kafka_resp_err_t(Int32(rawCode)) }
        set { rawCode = Int16(clamping: newValue.rawValue) }
    }

    init(owner: Unmanaged<PendingRecords>) {
        self.owner = owner
    }

    private static let mockTimestamp: Int64 = 1234

    /// Takes down what a delivery report says.
    mutating func settle(_ message: UnsafePointer<rd_kafka_message_t>) {
        partition = message.pointee.partition
        code = message.pointee.err
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            state = .failed
            return
        }
        state = .delivered
        offset = message.pointee.offset
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        // It looks behind the message, into librdkafka's own structure: a copy would not do.
        let time = rd_kafka_message_timestamp(message, &type)
        // librdkafka's mock cluster appends with the producer's time, and answers that it was 1.234 s past the epoch.
        guard type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME || time != Self.mockTimestamp else { return }
        timestamp = time
        timestampType = .init(type)
    }
}
