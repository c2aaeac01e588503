import Foundation
import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("JSON payloads, beside Foundation's decoder and encoder")
struct JSONCodecTests {
    private let codec = JSONCodec.json
    private let decoder = JSONDecoder()
    private let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// The value is the same through both, in both directions, and no part of it needed Foundation.
    private func check<Value: Codable & Equatable>(
        _ value: Value,
        isFast: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let expected = Array(try encoder.encode(value))
        #expect(try codec.encode(value).array == expected, sourceLocation: sourceLocation)
        if isFast {
            let draft = JSONDraft()
            try draft.write(0, value: value)
            #expect(draft.finish() == expected, sourceLocation: sourceLocation)
        }
        try checkDecoding(Value.self, expected, sourceLocation: sourceLocation)
    }

    private func checkDecoding<Value: Decodable & Equatable>(
        _ type: Value.Type,
        _ text: [UInt8],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let expected = try decoder.decode(type, from: Data(text))
        #expect(try codec.decode(type, from: Bytes(text)) == expected, sourceLocation: sourceLocation)
        let fast = try text.withUnsafeBytes { try JSONTape($0)?.value(type, at: 0) }
        #expect(fast == expected, sourceLocation: sourceLocation)
    }

    // MARK: Values

    @Test("values of all shapes are decoded and encoded as by Foundation, thousands of them, the same in every run")
    func generatedValues() throws {
        var values = PayloadGenerator(seed: 20_260_701)
        for _ in 0..<500 {
            try check(values.purchase())
            try check(values.special())
            try check(values.numbers())
            try check(values.byHand())
            try check(Dog(name: values.string(), tricks: [values.string()], isKeyed: values.bool()))
            try check([Loose.number(values.integer()), .text(values.string()), .nothing])
            try check([Loose.purchase(.init(sku: values.string(), quantity: 1))])
        }
    }

    @Test("so are values that stand alone")
    func scalars() throws {
        try check(1)
        try check("a\u{0}\u{1F}\u{7F}\"\\/\u{2028}é😀\r\n\t\u{8}\u{C}")
        try check(Optional<Int>.none)
        try check(-0.0)
        try check(true)
        try check([Int]())
        try check([String: Int]())
        try check(URL(string: "https://example.com/a/b?c=é"))
        try check(Data([0, 1, 255]))
        try check(Date(timeIntervalSinceReferenceDate: 1.5))
        try check(Decimal(string: "12345678901234567890.123456789"))
        try check([[[[]]], [[]]] as [[[[Int]]]])
        try check(["é": 1, "e": 2, "\"": 3, "": 4])
    }

    @Test("numbers are exact at their types' ends, and doubles are rounded correctly")
    func numbers() throws {
        try check([Int64.min, -1, 0, Int64.max])
        try check([UInt64.max, 1 << 63, 999_999_999_999_999_999, 1_000_000_000_000_000_000])
        try check([Int128.max, Int128.min])
        try check([UInt128.max])
        let doubles = [
            0.1, 1e22, 1e23, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.3, 1 / 3, 123_456_789.123_456_79, 1e-5,
            2e-308,
        ]
        try check(doubles)
        try check(doubles.map(Float.init).filter(\.isFinite).filter { $0 != 0 })
        for text in [
            "9007199254740993", "0.1000000000000000055511151231257827", "1e0", "1E+2",
            "123456789012345678901234567890e-10",
            "0e999", "0.0000", "-0", "1.7976931348623157e308", "2.2250738585072011e-308", "8.41e21",
            "9007199254740993e-5",
        ] {
            try checkDecoding(Double.self, Array(text.utf8))
            try checkDecoding([Double].self, Array("[\(text)]".utf8))
        }
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2000 {
            let double = Double(bitPattern: generator.next())
            if double.isFinite { try check([double]) }
            let float = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
            if float.isFinite { try check([float]) }
        }
    }

    @Test("whole numbers may be written with a fraction or an exponent, as Foundation allows")
    func wholeNumbers() throws {
        for text in ["1.0", "1e3", "120e-1", "9007199254740991.0", "-2.50e1", "1e18", "0.0", "-0"] {
            try checkDecoding(Int.self, Array(text.utf8))
        }
    }

    // MARK: Texts

    @Test("names are found in any order, twice, with escapes, and among many")
    func names() throws {
        let text = #"{"quantity":1,"x":{"sku":"no"},"\u0073ku":"a","quantity":2,"sku":"b"}"#
        try checkDecoding(Purchase.Line.self, Array(text.utf8))
        for count in [1, 15, 16, 17, 63, 64, 65, 66, 1000] {
            let members = (0..<count).map { #""name\#($0 % 900)":\#($0)"# } + [#""quantity":3"#, #""sku":"c""#]
            let text = "{\(members.joined(separator: ","))}"
            try checkDecoding(Purchase.Line.self, Array(text.utf8))
            try checkDecoding([String: Loose].self, Array(text.utf8))
        }
        // Equal as strings, though not as bytes; and the Kelvin sign, whose equal is ASCII.
        try checkDecoding([String: Int].self, Array("{\"e\u{301}\":1,\"\u{E9}\":2,\"\u{212A}\":3,\"K\":4}".utf8))
    }

    @Test("white space, a last comma, a byte order mark and other encodings are what they are to Foundation")
    func texts() throws {
        try checkDecoding([Int].self, Array(" [ 1 ,\r\n\t2 , ] ".utf8))
        try checkDecoding([String: Int].self, Array("{ \"a\" : 1 , } ".utf8))
        let bytes = Bytes([0xEF, 0xBB, 0xBF] + Array("[1]".utf8))
        #expect(try codec.decode([Int].self, from: bytes) == [1])
        for encoding: String.Encoding in [.utf16, .utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian] {
            let text = try #require(#"{"a":"é"}"#.data(using: encoding))
            #expect(try codec.decode([String: String].self, from: Bytes(Array(text))) == ["a": "é"])
        }
        #expect(try codec.decode([String: Int].self, from: "").isEmpty)
    }

    @Test("what nobody reads can't spoil a payload")
    func unread() throws {
        let text = Array(#"{"sku":"a","x":"\ud800 \q","y":1-2,"quantity":1}"#.utf8) + [0x20]
        try checkDecoding(Purchase.Line.self, text)
    }

    // MARK: Refusals

    private func words(_ body: () throws -> some Any) -> String {
        do { return "\(try body())" } catch { return PayloadError(type: "t", version: 1, cause: error).reason }
    }

    @Test(
        "a payload that does not fit is refused in Foundation's words",
        arguments: [
            "", "{", "[1", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "nul", "truex", "01", "-", "1.", "1.e1", "+1",
            "[1]x",
            "{} {}", "[,]", "[1,,]", "{,}", "\"", "\"\\", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\x\"",
            "\"a\nb\"",
            "null", "true", "1", "\"a\"", "[]", "{}", "[null]", "[{}]", "1e400", "1e-400", "300", "-1", "1.5", "'a'",
            "NaN", "0e9", "0e999", "[0e9]",
            "{\"sku\":1,\"quantity\":1}", "{\"sku\":null}", "{\"sku\":\"a\",\"quantity\":\"b\"}",
            "[99999999999999999999]",
            "{\"sku\":\"a\",\"quantity\":9223372036854775808}", "[{\"sku\":\"a\"}]", "{\"\\ud800\":1}", "/**/1",
        ]
    )
    func refusals(text: String) {
        let bytes = Array(text.utf8)
        func compare<Value: Decodable & Equatable>(_ type: Value.Type) {
            // An empty payload is an object here, and nothing to Foundation.
            let expected = words { try decoder.decode(type, from: Data(text.isEmpty ? "{}".utf8 : text.utf8)) }
            let said = words { try codec.decode(type, from: Bytes(bytes)) }
            // Of a number that does not fit Foundation says that the whole is no JSON.
            let isMistaken = expected.contains("not valid JSON") && JSONText.isValid(bytes)
            #expect(isMistaken ? !said.contains("not valid JSON") : said == expected, "\(type): \(said), \(expected)")
        }
        compare(Purchase.Line.self)
        compare([Purchase.Line].self)
        compare([UInt8].self)
        compare(Double.self)
        compare(Float.self)
        compare(String.self)
        compare(Bool.self)
        compare(URL.self)
        compare(Data.self)
        compare(Decimal.self)
        compare([Date?].self)
        compare(Loose.self)
        compare(Int128.self)
    }

    @Test("invalid UTF-8 is refused in values and in names")
    func encoding() {
        for bytes: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
            let quoted = [0x22] + bytes + [0x22]
            #expect(throws: DecodingError.self) { try codec.decode(String.self, from: Bytes(quoted)) }
            let object = Array("{".utf8) + quoted + Array(":1}".utf8)
            #expect(throws: DecodingError.self) { try codec.decode([String: Int].self, from: Bytes(object)) }
        }
    }

    @Test("a payload is refused that is deeper than the stack of a type that goes as deep as it")
    func depth() throws {
        indirect enum Deep: Decodable {
            case value([Deep])

            init(from decoder: any Decoder) throws { self = .value(try [Deep](from: decoder)) }
        }
        func payload(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        let deepest = JSONTape.maximumDepth
        _ = try codec.decode(Deep.self, from: Bytes(payload(deepest)))
        for depth in [deepest + 1, 512, 100_000] {
            let utf16: [UInt8] = payload(depth).flatMap { [$0, 0] }
            for bytes in [payload(depth), utf16, Array(payload(depth).prefix(depth))] {
                #expect(throws: DecodingError.self) { try codec.decode(Deep.self, from: Bytes(bytes)) }
            }
        }
        // Foundation takes the mark for one of UTF-32. Read as bytes, the character opens a string that hides the rest.
        let text = "{\"a\":\"\u{2200}\",\"b\":" + String(decoding: payload(500), as: UTF8.self) + "}"
        let utf32 = text.unicodeScalars.flatMap { scalar in
            (0..<4).map { UInt8(truncatingIfNeeded: scalar.value >> ($0 * 8)) }
        }
        struct Object: Decodable { var b: Deep }
        #expect(throws: DecodingError.self) { try codec.decode(Object.self, from: Bytes([0xFE, 0xFF, 0, 0] + utf32)) }
    }

    @Test("what a type throws of its own passes through, and is not asked for twice")
    func ownErrors() {
        struct Refused: Error {}
        struct Type: Decodable {
            init(from decoder: any Decoder) throws {
                _ = try decoder.container(keyedBy: JSONStep.self)
                throw Refused()
            }
        }
        #expect(throws: Refused.self) { try codec.decode(Type.self, from: "{}") }
    }

    @Test("what can't be encoded is refused in Foundation's words")
    func unencodable() {
        struct Nothing: Encodable {
            func encode(to encoder: any Encoder) {}
        }
        func compare(_ value: some Encodable) {
            let (left, right) = (Result { try codec.encode(value) }, Result { try encoder.encode(value) })
            guard case .failure(let error) = left, case .failure(let expected) = right else {
                Issue.record("\(left), \(right)")
                return
            }
            #expect("\(error)" == "\(expected)")
        }
        compare(Double.nan)
        compare(["a": [Float.infinity]])
        compare(Nothing())
    }

    @Test("a value whose encoding fails half-way leaves nothing, where its owner goes on without it")
    func halfEncoded() throws {
        struct Owner: Codable, Equatable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: JSONStep.self)
                try container.encode(1, forKey: JSONStep(stringValue: "b"))
                try? container.encode([1, Double.nan], forKey: JSONStep(stringValue: "a"))
                try? container.encode(Double.nan, forKey: JSONStep(stringValue: "c"))
                var elements = container.nestedUnkeyedContainer(forKey: JSONStep(stringValue: "d"))
                try? elements.encode(Double.nan)
                try elements.encode(elements.count)
            }
        }
        try check(Owner())
        #expect(try codec.encode(Owner()) == #"{"b":1,"d":[0]}"#)
    }

    @Test("a name that is encoded twice has its last value")
    func twice() throws {
        struct Twice: Codable, Equatable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: JSONStep.self)
                for value in 1...3 { try container.encode(value, forKey: JSONStep(stringValue: "a")) }
                for name in ["b", "c"] {
                    var inner = container.nestedContainer(keyedBy: JSONStep.self, forKey: JSONStep(stringValue: "n"))
                    try inner.encode(true, forKey: JSONStep(stringValue: name))
                }
            }
        }
        try check(Twice(), isFast: false)
        #expect(try codec.encode(Twice()) == #"{"a":3,"n":{"b":true,"c":true}}"#)
    }

    // MARK: Lifetimes

    @Test("a decoder that a type keeps can be used when the payload is gone")
    func keptDecoder() throws {
        var kept: [Kept] = []
        for number in 0..<100 {
            kept.append(try codec.decode(Kept.self, from: Bytes(#"{"sku":"a long name of \#(number)","quantity":1}"#)))
        }
        for (number, kept) in kept.enumerated() {
            #expect(try Purchase.Line(from: kept.decoder).sku == "a long name of \(number)")
        }
    }

    @Test("many threads decode and encode at once")
    func concurrency() async throws {
        let payload = Bytes(Array(try encoder.encode(Purchase.Line(sku: "a name of more than 15 bytes", quantity: 7))))
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    var sum = 0
                    for _ in 0..<200 {
                        let codec = JSONCodec.json
                        let line = try codec.decode(Purchase.Line.self, from: payload)
                        sum += try codec.decode(Purchase.Line.self, from: codec.encode(line)).quantity
                    }
                    return sum
                }
            }
            var sum = 0
            for try await part in group { sum += part }
            #expect(sum == 16 * 200 * 7)
        }
    }

    @Test("the path that a decoder and a container tell is Foundation's")
    func paths() throws {
        struct Path: Decodable, Equatable {
            let path: [String]

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: JSONStep.self)
                let absent = try container.superDecoder()
                path = [decoder, absent].map { $0.codingPath.map(\.stringValue).joined(separator: "/") }
            }
        }
        try checkDecoding([String: [[Path]]].self, Array(#"{"a":[[{"x":1},{}],[{}]]}"#.utf8))
    }
}
