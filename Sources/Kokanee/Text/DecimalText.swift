/// Numbers in decimal ASCII, as they stand in headers.
enum DecimalText {
    /// Writes a number, of 20 bytes at most; returns where it ends.
    static func write(_ number: Int64, to buffer: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        var rest = number.magnitude
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        var place = start
        if number < 0 {
            buffer[place] = UInt8(ascii: "-")
            place += 1
        }
        let end = place + digits
        rest = number.magnitude
        for position in (place..<end).reversed() {
            buffer[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        return end
    }

    /// Calls `body` with a number's bytes, which are no string's.
    @inline(__always)
    static func withBytes<R>(of number: Int64, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { buffer in
            let end = write(number, to: buffer, at: 0)
            return body(UnsafeRawBufferPointer(rebasing: buffer[..<end]))
        }
    }

    /// Reads digits after an optional minus sign; nil for anything else. What an `Int64` can't hold becomes its bound.
    static func parse(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let digits = bytes.dropFirst(isNegative ? 1 : 0)
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        var isSaturated = false
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            isSaturated = isSaturated || overflow || overflowToo
            value = isSaturated ? .max : sum
        }
        return isNegative ? (isSaturated ? .min : -value) : value
    }
}
