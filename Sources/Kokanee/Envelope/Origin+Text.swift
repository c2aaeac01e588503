extension Envelope.Origin {
    /// Reads `topic/partition/offset`; nil unless all three are what Kafka could have given.
    public init?(text: String) {
        var text = text
        let parsed = text.withUTF8 { Self(UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        let parts = bytes.prefix(Queue.longestTopicName + 32).split(separator: UInt8(ascii: "/"), maxSplits: 3)
        guard parts.count == 3, bytes.count == parts.reduce(2, { $0 + $1.count }),
            (1...Queue.longestTopicName).contains(parts[0].count), parts[0].allSatisfy(Queue.isAllowed),
            let partition = Self.number(parts[1], upTo: Int64(Int32.max)),
            let offset = Self.number(parts[2], upTo: .max - 1)
        else { return nil }
        self.init(
            topic: String(decoding: parts[0], as: UTF8.self),
            partition: Int32(truncatingIfNeeded: partition),
            offset: offset
        )
    }

    /// Calls `body` with the description's bytes, which are no string's: every hop of every job writes one.
    @inline(__always)
    func withText<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        let longestNumber = 20
        return withUnsafeTemporaryAllocation(
            byteCount: topic.utf8.count + 2 * (1 + longestNumber),
            alignment: 1
        ) { buffer in
            var topic = topic
            var end = topic.withUTF8 { text in
                buffer.copyMemory(from: UnsafeRawBufferPointer(text))
                return text.count
            }
            for number in [Int64(partition), offset] {
                buffer[end] = UInt8(ascii: "/")
                end = DecimalText.write(number, to: buffer, at: end + 1)
            }
            return body(UnsafeRawBufferPointer(rebasing: buffer[..<end]))
        }
    }

    /// A number as the description writes it: without sign or leading zeros, so that equal places have equal text.
    private static func number(_ bytes: Slice<UnsafeRawBufferPointer>, upTo bound: Int64) -> Int64? {
        guard bytes.count == 1 || bytes.first != UInt8(ascii: "0"),
            let value = DecimalText.parse(UnsafeRawBufferPointer(rebasing: bytes)), (0...bound).contains(value)
        else { return nil }
        return value
    }
}
