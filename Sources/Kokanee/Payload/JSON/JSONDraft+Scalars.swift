extension JSONDraft {
    @inline(__always) func writeNull(_ index: UInt32) { write(index, "null") }

    @inline(__always) func write(_ index: UInt32, _ value: Bool) { write(index, value ? "true" : "false") }

    private func write(_ index: UInt32, _ literal: StaticString) {
        let count = literal.utf8CodeUnitCount
        write(index, atMost: count) { place in
            place.update(from: literal.utf8Start, count: count)
            return count
        }
    }

    @inline(__always) func write<Value: FixedWidthInteger>(_ index: UInt32, integer value: Value) {
        guard let small = Int64(exactly: value) else { return write(index, number: String(value)) }
        write(index, atMost: 20) { place in
            var rest = small.magnitude
            var count = 1
            var bound: UInt64 = 10
            while count < 19, rest >= bound {
                bound &*= 10
                count &+= 1
            }
            var end = count
            if small < 0 {
                place[0] = UInt8(ascii: "-")
                end &+= 1
            }
            var position = end
            repeat {
                position &-= 1
                place[position] = UInt8(truncatingIfNeeded: rest % 10) &+ 0x30
                rest /= 10
            } while rest > 0
            return end
        }
    }

    /// Whole numbers are written without a fraction.
    ///
    /// - Throws: where there is no such number in JSON.
    func write<Value: BinaryFloatingPoint & CustomStringConvertible>(_ index: UInt32, real value: Value) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(
                value,
                .init(codingPath: path(to: index), debugDescription: "Unable to encode \(Value.self).\(value) in JSON.")
            )
        }
        write(index, number: value.description)
    }

    func write(_ index: UInt32, number text: String) {
        var text = text
        text.withUTF8 { digits in
            write(index, atMost: digits.count) { place in
                guard let start = digits.baseAddress else { return 0 }
                place.update(from: start, count: digits.count)
                let count = digits.count
                let isWhole =
                    count > 2 && digits[count - 2] == UInt8(ascii: ".") && digits[count - 1] == UInt8(ascii: "0")
                return isWhole ? count - 2 : count
            }
        }
    }

    // MARK: Strings

    @inline(__always) func write(_ index: UInt32, string value: String) {
        var value = value
        value.withUTF8 { text in
            // What needs no escape is the rule, and takes two quotes more.
            if !text.contains(where: JSONText.needsEscape) {
                write(index, atMost: text.count &+ 2) { place in
                    place[0] = UInt8(ascii: "\"")
                    if let start = text.baseAddress { (place + 1).update(from: start, count: text.count) }
                    place[text.count &+ 1] = UInt8(ascii: "\"")
                    return text.count &+ 2
                }
            } else {
                write(index, atMost: 6 &* text.count &+ 2) { Self.escape(text, to: $0) }
            }
        }
    }

    /// Writes a string in quotes, and returns how many bytes it took: at most six each and two.
    @inline(never)
    static func escape(_ text: UnsafeBufferPointer<UInt8>, to place: UnsafeMutablePointer<UInt8>) -> Int {
        var count = 0
        func put(_ byte: UInt8) {
            place[count] = byte
            count &+= 1
        }
        put(UInt8(ascii: "\""))
        for byte in text {
            guard JSONText.needsEscape(byte) else {
                put(byte)
                continue
            }
            put(UInt8(ascii: "\\"))
            switch byte {
            case 0x08: put(UInt8(ascii: "b"))
            case 0x0C: put(UInt8(ascii: "f"))
            case 0x0A: put(UInt8(ascii: "n"))
            case 0x0D: put(UInt8(ascii: "r"))
            case 0x09: put(UInt8(ascii: "t"))
            case 0..<0x20:
                put(UInt8(ascii: "u"))
                put(UInt8(ascii: "0"))
                put(UInt8(ascii: "0"))
                put(UInt8(ascii: "0") + byte >> 4)
                let low = byte & 0xF
                put(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
            default: put(byte)
            }
        }
        put(UInt8(ascii: "\""))
        return count
    }
}
