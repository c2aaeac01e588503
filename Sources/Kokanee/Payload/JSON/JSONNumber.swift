/// Numbers as JSON writes them.
///
/// Each of these is nil where the text is not a number, and also where reading it exactly takes more than a few steps:
/// ``JSONFoundation`` reads it then, or says what is wrong.
enum JSONNumber {
    /// A whole number without fraction and exponent, of up to 18 digits.
    @inline(__always)
    static func integer<Value: FixedWidthInteger>(_ text: UnsafeBufferPointer<UInt8>, as: Value.Type) -> Value? {
        var index = 0
        let isNegative = text.count > 1 && text[0] == UInt8(ascii: "-")
        if isNegative { index = 1 }
        let digits = text.count &- index
        guard digits &- 1 < 18, digits >= 1, digits == 1 || text[index] != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            index &+= 1
        }
        let signed = Int64(truncatingIfNeeded: value)
        return Value(exactly: isNegative ? 0 &- signed : signed)
    }

    /// A number whose digits are a whole number below 2^53, or 2^24, and whose power of ten is exact: then one operation
    /// rounds it correctly (Clinger 1990).
    @inline(__always)
    static func real<Value: BinaryFloatingPoint>(_ text: UnsafeBufferPointer<UInt8>, as: Value.Type) -> Value? {
        guard let parts = parts(text), parts.count <= 19,
            parts.digits <= 1 << UInt64(Value.significandBitCount + 1)
        else { return nil }
        let limit = Value.significandBitCount == 52 ? 22 : 10
        guard -limit...limit ~= parts.exponent else { return nil }
        var value = Value(parts.digits)
        if parts.exponent < 0 { value /= power(-parts.exponent) } else { value *= power(parts.exponent) }
        return parts.isNegative ? -value : value
    }

    /// A number as the standard library reads it: correctly rounded, whatever its length.
    ///
    /// Nil also where a number is too large or, but not 0, too small for the type.
    @inline(never)
    static func longReal<Value: BinaryFloatingPoint & LosslessStringConvertible>(
        _ text: UnsafeBufferPointer<UInt8>,
        as: Value.Type
    ) -> Value? {
        guard let parts = parts(text), let value = Value(String(decoding: text, as: UTF8.self)) else { return nil }
        return value.isFinite && (value != 0 || parts.isZero) ? value : nil
    }

    private struct Parts {
        var isNegative = false
        /// All digits as one whole number, if there are at most 19.
        var digits: UInt64 = 0
        var count = 0
        var exponent = 0

        var isZero: Bool { digits == 0 && count <= 19 }
    }

    /// Nil where the text is not a number.
    @inline(__always) private static func parts(_ text: UnsafeBufferPointer<UInt8>) -> Parts? {
        var parts = Parts()
        let count = text.count
        var index = 0
        parts.isNegative = count > 0 && text[0] == UInt8(ascii: "-")
        if parts.isNegative { index = 1 }
        let first = index
        readDigits(text, &index, &parts.digits)
        parts.count = index &- first
        guard parts.count > 0, parts.count == 1 || text[first] != UInt8(ascii: "0") else { return nil }
        if index < count, text[index] == UInt8(ascii: ".") {
            index &+= 1
            let fraction = index
            readDigits(text, &index, &parts.digits)
            parts.exponent = fraction &- index
            guard parts.exponent < 0 else { return nil }
            parts.count &-= parts.exponent
        }
        if index < count, text[index] | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            var isSmall = false
            if index < count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
                isSmall = text[index] == UInt8(ascii: "-")
                index &+= 1
            }
            var power: UInt64 = 0
            let first = index
            readDigits(text, &index, &power)
            // Of a zero with an exponent Foundation takes some and refuses others.
            guard index > first, parts.digits != 0 else { return nil }
            // More than four digits are a number beyond all types, or 0.
            let bounded = index &- first > 4 ? 10_000 : Int(power)
            parts.exponent &+= isSmall ? 0 &- bounded : bounded
        }
        return index == count ? parts : nil
    }

    @inline(__always)
    private static func readDigits(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int, _ value: inout UInt64) {
        while index < text.count, text[index] &- 0x30 < 10 {
            value = value &* 10 &+ UInt64(text[index] &- 0x30)
            index &+= 1
        }
    }

    @inline(__always) private static func power<Value: BinaryFloatingPoint>(_ exponent: Int) -> Value {
        Value(powers[exponent])
    }

    private static let powers: InlineArray<23, Double> = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]
}
