/// Ids for jobs that come without one.
enum JobID {
    private static let digits = Array("0123456789abcdef".utf8)

    /// A UUID of version 7 (RFC 9562) as text: ids of later milliseconds sort behind those of earlier ones.
    ///
    /// - Parameter now: milliseconds since the epoch; its lower 48 bits count.
    static func make(at now: Int64, using generator: inout some RandomNumberGenerator) -> String {
        let random = (generator.next() as UInt64, generator.next() as UInt64)
        let high = UInt64(truncatingIfNeeded: now) << 16 | 0x7000 | random.0 & 0x0FFF
        let low = 0x8000_0000_0000_0000 | random.1 >> 2
        return String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let half = nibble < 16 ? high : low
                buffer[position] = digits[Int(half >> UInt64(60 - nibble % 16 * 4) & 0xF)]
                position += 1
            }
            return position
        }
    }
}
