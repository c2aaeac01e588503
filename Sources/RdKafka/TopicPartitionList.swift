internal import CRdKafka
internal import Glibc

/// Owns one of librdkafka's partition lists for as long as a call needs it.
struct TopicPartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 0) {
        pointer = rd_kafka_topic_partition_list_new(Int32(clamping: capacity))
    }

    /// Takes over a list that librdkafka made and left to the caller.
    init(consuming pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        self.pointer = pointer
    }

    init(_ partitions: some Collection<TopicPartition>) {
        self.init(capacity: partitions.count)
        for partition in partitions { add(partition) }
    }

    deinit {
        rd_kafka_topic_partition_list_destroy(pointer)
    }

    var count: Int { Int(pointer.pointee.cnt) }

    func add(_ partition: TopicPartition, offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID), metadata: String = "") {
        let element = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)!
        element.pointee.offset = offset
        guard !metadata.isEmpty else { return }
        // librdkafka frees it with free() together with the list.
        let utf8 = Array(metadata.utf8)
        let copy = malloc(utf8.count)!
        copy.copyMemory(from: utf8, byteCount: utf8.count)
        element.pointee.metadata = copy
        element.pointee.metadata_size = utf8.count
    }

    /// The elements in the list's order, read out.
    var elements: [TopicPartitionElement] { Self.elements(of: pointer) }

    /// The same of a list that somebody else owns.
    static func elements(of list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartitionElement] {
        guard let list else { return [] }
        return (0..<Int(list.pointee.cnt)).map { TopicPartitionElement(list.pointee.elems + $0) }
    }
}

/// One element of a ``TopicPartitionList``, read out.
struct TopicPartitionElement {
    let partition: TopicPartition
    /// An offset, or one of librdkafka's negative logical ones.
    let offset: Int64
    let metadata: String
    let error: rd_kafka_resp_err_t

    init(_ element: UnsafePointer<rd_kafka_topic_partition_t>) {
        let pointee = element.pointee
        partition = TopicPartition(topic: String(cString: pointee.topic), partition: pointee.partition)
        offset = pointee.offset
        error = pointee.err
        metadata =
            pointee.metadata.map {
                String(decoding: UnsafeRawBufferPointer(start: $0, count: pointee.metadata_size), as: UTF8.self)
            } ?? ""
    }
}
