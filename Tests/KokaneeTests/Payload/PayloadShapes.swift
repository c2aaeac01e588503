import Foundation

// Types as jobs have them, and as none should: what decoding and encoding meet.

struct Purchase: Codable, Equatable {
    struct Line: Codable, Equatable {
        var sku: String
        var quantity: Int
    }

    enum Payment: Codable, Equatable {
        case cash
        case card(number: String, year: Int)
        case split([Payment])
    }

    var id: Int64
    var note: String?
    var lines: [Line]
    var payment: Payment
    var tags: Set<String>
    var prices: [String: Double]
    var stock: [Int: UInt8]
    var isUrgent: Bool
    var matrix: [[Float?]]
}

/// What Foundation's decoder and encoder treat apart.
struct Special: Codable, Equatable {
    var date: Date
    var data: Data
    var url: URL
    var decimal: Decimal
    var id: UUID
    var dates: [Date?]
    var urls: [String: URL]
    var blobs: [Data]
    var range: Range<Int>
}

struct Numbers: Codable, Equatable {
    var a: Int8
    var b: Int16
    var c: Int32
    var d: Int64
    var e: UInt8
    var f: UInt16
    var g: UInt32
    var h: UInt64
    var i: UInt
    var j: Int128
    var k: UInt128
    var l: Float
    var m: Double
    var n: Int?
    var o: [Int8]
    var p: [UInt64]
    var q: [Double]
    var r: [Float]
}

class Animal: Codable {
    var name: String

    init(name: String) { self.name = name }
}

/// A subclass, with its superclass in a container of its own.
final class Dog: Animal, Equatable {
    private enum CodingKeys: String, CodingKey { case tricks, parent }

    var tricks: [String]
    /// Where the superclass is: under a key, or under "super".
    let isKeyed: Bool

    init(name: String, tricks: [String], isKeyed: Bool) {
        self.tricks = tricks
        self.isKeyed = isKeyed
        super.init(name: name)
    }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        tricks = try container.decode([String].self, forKey: .tricks)
        isKeyed = container.contains(.parent)
        try super.init(from: isKeyed ? container.superDecoder(forKey: .parent) : container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(tricks, forKey: .tricks)
        try super.encode(to: isKeyed ? container.superEncoder(forKey: .parent) : container.superEncoder())
    }

    static func == (left: Dog, right: Dog) -> Bool {
        left.name == right.name && left.tricks == right.tricks && left.isKeyed == right.isKeyed
    }
}

/// Written by hand, with every kind of nested container, filled in turns.
struct ByHand: Codable, Equatable {
    private enum CodingKeys: Int, CodingKey {
        case outer = 1
        case list, pair, single
    }
    private enum InnerKeys: String, CodingKey {
        case x
        case y = "y\"\\\u{1}/é"
    }

    var x: Int
    var y: String
    var list: [Int?]
    var pair: [[String]]
    var single: Double

    init(x: Int, y: String, list: [Int?], pair: [[String]], single: Double) {
        (self.x, self.y, self.list, self.pair, self.single) = (x, y, list, pair, single)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let inner = try container.nestedContainer(keyedBy: InnerKeys.self, forKey: .outer)
        y = try inner.decode(String.self, forKey: .y)
        x = try inner.decode(Int.self, forKey: .x)
        var elements = try container.nestedUnkeyedContainer(forKey: .list)
        list = []
        while !elements.isAtEnd {
            if try elements.decodeNil() { list.append(nil) } else { list.append(try elements.decode(Int.self)) }
        }
        var rows = try container.nestedUnkeyedContainer(forKey: .pair)
        pair = []
        while !rows.isAtEnd {
            var row = try rows.nestedUnkeyedContainer()
            var texts: [String] = []
            while let text = try row.decodeIfPresent(String.self) { texts.append(text) }
            pair.append(texts)
        }
        single = try container.superDecoder(forKey: .single).singleValueContainer().decode(Double.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        var rows = container.nestedUnkeyedContainer(forKey: .pair)
        var inner = container.nestedContainer(keyedBy: InnerKeys.self, forKey: .outer)
        var elements = container.nestedUnkeyedContainer(forKey: .list)
        var row = pair.isEmpty ? nil : rows.nestedUnkeyedContainer()
        try inner.encode(x, forKey: .x)
        for element in list {
            if let element { try elements.encode(element) } else { try elements.encodeNil() }
        }
        try inner.encode(y, forKey: .y)
        for text in pair.first ?? [] { try row?.encode(text) }
        for texts in pair.dropFirst() { try rows.encode(texts) }
        var last = container.superEncoder(forKey: .single).singleValueContainer()
        try last.encode(single)
    }
}

/// One of several types, found by trying.
enum Loose: Codable, Equatable {
    case number(Int)
    case text(String)
    case purchase(Purchase.Line)
    case nothing

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .nothing
        } else if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .purchase(try container.decode(Purchase.Line.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .purchase(let line): try container.encode(line)
        case .nothing: try container.encodeNil()
        }
    }
}

/// Keeps its decoder, and decodes when it is asked.
struct Kept: Decodable {
    let decoder: any Decoder

    init(from decoder: any Decoder) { self.decoder = decoder }
}
