internal import CLinux

/// A job's id: one that was given, or one that was made and is text only where somebody wants to read it.
enum JobID: Sendable {
    case given(String)
    case made(UUIDv7)

    var text: String {
        switch self {
        case .given(let text): text
        case .made(let uuid): uuid.text
        }
    }
}

extension JobID: Hashable {
    static func == (lhs: Self, rhs: Self) -> Bool {
        if case (.made(let left), .made(let right)) = (lhs, rhs) { return left == right }
        return lhs.text == rhs.text
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(text)
    }
}

/// A UUID of version 7 (RFC 9562): ids of later milliseconds sort behind those of earlier ones.
struct UUIDv7: Sendable, Hashable {
    static let length = 36

    let high: UInt64
    let low: UInt64

    /// - Parameter now: milliseconds since the epoch; its lower 48 bits count.
    init(at now: Int64, using generator: inout some RandomNumberGenerator) {
        high = UInt64(truncatingIfNeeded: now) << 16 | 0x7000 | generator.next() & 0x0FFF
        low = 0x8000_0000_0000_0000 | generator.next() >> 2
    }

    var text: String {
        String(unsafeUninitializedCapacity: Self.length) { buffer in
            write(to: UnsafeMutableRawBufferPointer(buffer))
            return Self.length
        }
    }

    /// Calls `body` with the text's bytes, which are valid inside it only.
    @inline(__always)
    func withText<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: Self.length, alignment: 8) { buffer in
            write(to: buffer)
            return body(UnsafeRawBufferPointer(buffer))
        }
    }

    /// Writes the text: 8-4-4-4-12 hexadecimal digits.
    private func write(to buffer: UnsafeMutableRawBufferPointer) {
        precondition(buffer.count >= Self.length)
        let first = Self.digits(UInt32(truncatingIfNeeded: high >> 32))
        let second = Self.digits(UInt32(truncatingIfNeeded: high))
        let third = Self.digits(UInt32(truncatingIfNeeded: low >> 32))
        let fourth = Self.digits(UInt32(truncatingIfNeeded: low))
        buffer.storeBytes(of: first, toByteOffset: 0, as: UInt64.self)
        buffer.storeBytes(of: UInt32(truncatingIfNeeded: second), toByteOffset: 9, as: UInt32.self)
        buffer.storeBytes(of: UInt32(truncatingIfNeeded: second >> 32), toByteOffset: 14, as: UInt32.self)
        buffer.storeBytes(of: UInt32(truncatingIfNeeded: third), toByteOffset: 19, as: UInt32.self)
        buffer.storeBytes(of: UInt32(truncatingIfNeeded: third >> 32), toByteOffset: 24, as: UInt32.self)
        buffer.storeBytes(of: fourth, toByteOffset: 28, as: UInt64.self)
        buffer[8] = UInt8(ascii: "-")
        buffer[13] = UInt8(ascii: "-")
        buffer[18] = UInt8(ascii: "-")
        buffer[23] = UInt8(ascii: "-")
    }

    /// The eight hexadecimal digits of a number, the first at the lowest address.
    private static func digits(_ number: UInt32) -> UInt64 {
        // Each half byte gets a byte of its own, all at once.
        var spread = UInt64(number.byteSwapped)
        spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
        spread = (spread >> 4 | spread << 8) & 0x0F0F_0F0F_0F0F_0F0F
        // A digit from ten on is "a" and not ":", which is 39 further on.
        let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return (spread + 0x3030_3030_3030_3030 + letters * 39).littleEndian
    }
}

/// The system's random numbers, fetched many at a time: asking for each costs more than all else about an id.
struct SystemRandomPool: RandomNumberGenerator {
    private static let size = 256

    private var numbers: [UInt64] = []

    /// - Parameter expected: how many numbers will be asked for, as far as that is known.
    init(expecting expected: Int) {
        refill(min(max(expected, 1), Self.size))
    }

    mutating func next() -> UInt64 {
        if numbers.isEmpty { refill(Self.size) }
        return numbers.removeLast()
    }

    private mutating func refill(_ count: Int) {
        numbers.reserveCapacity(Self.size)
        numbers.append(contentsOf: repeatElement(0, count: count))
        numbers.withUnsafeMutableBytes { buffer in
            // Up to 256 bytes come whole, more of them may be cut short by a signal.
            var filled = 0
            while filled < buffer.count {
                let count = getrandom(buffer.baseAddress! + filled, UInt(buffer.count - filled), 0)
                if count > 0 { filled += count }
            }
        }
    }
}
