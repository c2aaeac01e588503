/// An expression, understood.
indirect enum ExpressionNode: Sendable {
    case all([ExpressionNode])
    case any([ExpressionNode])
    case not(ExpressionNode)
    case exists(ExpressionPath)
    case compare(ExpressionPath, Comparison, ExpressionLiteral)
    case comparePaths(ExpressionPath, Comparison, ExpressionPath)
    case isIn(ExpressionPath, [ExpressionLiteral])
    case contains(ExpressionPath, ExpressionLiteral)
    case startsWith(ExpressionPath, [UInt8])

    enum Comparison: String, Sendable {
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="

        var isByOrder: Bool { self != .equal && self != .unequal }
    }
}

/// Where a value stands.
struct ExpressionPath: Sendable {
    enum Root: String, Sendable, CaseIterable {
        case data, type, id, key, version
    }

    enum Step: Sendable {
        /// The fingerprint is ``JSONTape/fingerprint(_:_:)`` of the name.
        case member(name: [UInt8], fingerprint: UInt32)
        case element(Int)

        static func member(_ name: [UInt8]) -> Step {
            let fingerprint = name.withUnsafeBufferPointer { bytes in
                // Without a byte nothing is read through the pointer.
                JSONTape.fingerprint(bytes.baseAddress ?? UnsafePointer(bitPattern: 1)!, bytes.count)
            }
            return .member(name: name, fingerprint: fingerprint)
        }
    }

    var root: Root
    var steps: [Step] = []
}

enum ExpressionLiteral: Sendable {
    case null
    case bool(Bool)
    case number(ExpressionNumber)
    case string([UInt8])
}

/// A number as exact as it is written, if it is a whole one.
enum ExpressionNumber: Sendable {
    case whole(Int64)
    /// A whole number beyond `Int64`: its digits, without leading zeros.
    case long(isNegative: Bool, [UInt8])
    case real(Double)

    /// Nil where the text is not a number of JSON's.
    init?(_ text: UnsafeBufferPointer<UInt8>) {
        if let whole = JSONNumber.integer(text, as: Int64.self) {
            self = .whole(whole)
        } else if Self.isWhole(text) {
            let isNegative = text[0] == UInt8(ascii: "-")
            if let whole = Int64(String(decoding: text, as: UTF8.self)) {
                self = .whole(whole)
            } else {
                self = .long(isNegative: isNegative, Array(text.dropFirst(isNegative ? 1 : 0)))
            }
        } else if let real = JSONNumber.real(text, as: Double.self) {
            self = .real(real)
        } else if JSONText.isValid(Array(text)), let real = Double(String(decoding: text, as: UTF8.self)) {
            // Too many digits for one operation, too large, too small, or a zero with an exponent.
            self = .real(real)
        } else {
            return nil
        }
    }

    /// Digits without a leading zero, after an optional minus sign.
    private static func isWhole(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let digits = text.dropFirst(text.first == UInt8(ascii: "-") ? 1 : 0)
        guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else { return false }
        return digits.allSatisfy { $0 &- 0x30 < 10 }
    }

    /// Below 0, 0 or above 0, as this is less than the other one, equal to it, or greater.
    func compared(to other: ExpressionNumber) -> Int {
        switch (self, other) {
        case (.whole(let left), .whole(let right)):
            return left < right ? -1 : left > right ? 1 : 0
        case (.long(let isNegative, let left), .long(let isOtherNegative, let right)):
            guard isNegative == isOtherNegative else { return isNegative ? -1 : 1 }
            let order =
                left.count != right.count
                ? left.count - right.count
                : left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
            return isNegative ? -order : order
        case (.long(let isNegative, _), .whole): return isNegative ? -1 : 1
        case (.whole, .long(let isNegative, _)): return isNegative ? 1 : -1
        case (.real, _), (_, .real):
            let (left, right) = (self.double, other.double)
            return left < right ? -1 : left > right ? 1 : 0
        }
    }

    private var double: Double {
        switch self {
        case .whole(let value): Double(value)
        case .real(let value): value
        case .long(let isNegative, let digits):
            (isNegative ? -1 : 1) * (Double(String(decoding: digits, as: UTF8.self)) ?? .infinity)
        }
    }
}
