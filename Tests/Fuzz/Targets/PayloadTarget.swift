import Foundation
import RdKafka

@testable import Kokanee

extension FuzzTarget {
    /// Payloads, which anybody may send, against Foundation's decoder and encoder.
    static let payload = FuzzTarget(name: "payload") { input in
        // Foundation's decoder takes more, and overflows the stack where types are as deep.
        guard PayloadOracle.depth(input) <= JSONTape.maximumDepth else {
            _ = try? JSONCodec.json.decode(Anything.self, from: Bytes(input))
            return
        }
        try PayloadOracle.check(Anything.self, input, isOrdered: false)
        try PayloadOracle.check(Shape.self, input, isOrdered: false)
        try PayloadOracle.check([Shape].self, input, isOrdered: false)
        try PayloadOracle.check(Flat.self, input)
        try PayloadOracle.check(Accented.self, input)
        try PayloadOracle.check([String: Double].self, input, isOrdered: false)
        try PayloadOracle.check([Int: [Int8]].self, input, isOrdered: false)
        try PayloadOracle.check([UInt64?].self, input)
        try PayloadOracle.check([Float].self, input)
        try PayloadOracle.check(Choice.self, input)
        try PayloadOracle.check([String].self, input)
    }
}

private enum PayloadOracle {
    /// What is decoded without Foundation is what Foundation decodes; what is refused without it, it refuses in the same
    /// words but for the text's own faults; and what is encoded is the same, byte by byte.
    ///
    /// - Parameter isOrdered: whether the type asks for its parts in the same order each time. A dictionary does not, and
    ///   so the first part that fails may be another.
    static func check<Value: Codable & Equatable>(
        _ type: Value.Type,
        _ input: [UInt8],
        isOrdered: Bool = true
    ) throws {
        let oracle = Result { try JSONDecoder().decode(type, from: Data(input)) }
        switch (fast(type, input), oracle) {
        case (nil, .success):
            let isOtherEncoding = input.contains(0) || [0xFE, 0xFF].contains(input.first)
            try require(isOtherEncoding, "Foundation reads \(type), the tape nothing")
        case (nil, .failure): break
        case (.success(let value)?, .success(let expected)):
            try requireEqual(value, expected, "\(type) is Foundation's")
            try checkEncoding(value)
        case (.success(let value)?, .failure(let error)): throw Violation("\(value), but Foundation: \(error)")
        case (.failure(let error)?, .success(let expected)): throw Violation("\(error), but Foundation: \(expected)")
        case (.failure(let error)?, .failure(let expected)):
            if isOrdered { try requireEqual(place(error), place(expected), "\(type) is refused in Foundation's words") }
        }
        let whole = try? JSONCodec.json.decode(type, from: Bytes(input))
        try require(input.isEmpty || whole == (try? oracle.get()), "the codec decodes what Foundation does")
    }

    /// An upper bound.
    static func depth(_ input: [UInt8]) -> Int {
        var depth = 0
        return input.reduce(0) { deepest, byte in
            if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
            if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { depth -= 1 }
            return max(deepest, depth)
        }
    }

    private static func fast<Value: Decodable>(_ type: Value.Type, _ input: [UInt8]) -> Result<Value, any Error>? {
        input.withUnsafeBytes { bytes in
            (try? JSONTape(bytes)).map { tape in Result { try tape.value(type, at: 0) } }
        }
    }

    private static func checkEncoding<Value: Encodable>(_ value: Value) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let draft = JSONDraft()
        let expected = try? Array(encoder.encode(value))
        do {
            try draft.write(0, value: value)
        } catch {
            return try require(expected == nil, "Foundation encodes what the draft refuses: \(value)")
        }
        guard let text = draft.finish() else { return }
        try requireEqual(text, expected, "\(value) is encoded as Foundation does")
    }

    /// Foundation says no place of a text's own faults, and its words for null differ for its own types.
    private static func place(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "no DecodingError" }
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }.joined(separator: "/")
        }
        switch error {
        case .keyNotFound(let key, let context): return "missing \(key.stringValue) in \(path(context))"
        case .valueNotFound(_, let context): return "null at \(path(context))"
        case .typeMismatch(let type, let context): return "no \(type) at \(path(context))"
        case .dataCorrupted: return "corrupted"
        @unknown default: return "\(error)"
        }
    }
}

/// Any JSON, by the attempts that types make which don't know what comes.
private indirect enum Anything: Codable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case real(Double)
    case string(String)
    case array([Anything])
    case object([String: Anything])

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            var members: [String: Anything] = [:]
            for name in container.allKeys {
                members[name.stringValue] = try container.decode(Anything.self, forKey: name)
            }
            self = .object(members)
            return
        }
        if var container = try? decoder.unkeyedContainer() {
            var elements: [Anything] = []
            while !container.isAtEnd { elements.append(try container.decode(Anything.self)) }
            self = .array(elements)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .real(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .real(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private struct Shape: Codable, Equatable {
    var a: String?
    var b: Int?
    var c: Double?
    var d: Bool?
    var e: [Shape]?
    var f: UInt8?
    var g: Float?
    var h: Data?
    var i: URL?
    var j: Decimal?
    var k: Date?
    var l: Int128?
    var m: [String: Int16]?
}

private struct Accented: Codable, Equatable {
    private enum CodingKeys: String, CodingKey {
        case composed = "\u{E9}"
        case upper = "K"
    }

    var composed: Int?
    var upper: Int?
}

private struct Flat: Codable, Equatable {
    var a: String
    var b: Int
    var c: Double
    var e: [Int16]
    var f: UInt8
}

private enum Choice: String, Codable {
    case one
    case two = "zwei/\u{E9}"
}
