import Foundation
import Testing

@testable import Kokanee

@Suite("JSON text")
struct JSONTextTests {
    private static let valid = [
        "null", "true", "false", "0", "-0", "12", "-12.5", "1e9", "1E+9", "0.25e-3", "1e999", "\"\"", "[]", "{}",
        " \t\r\n[ ] \n", "[1,2,[3,{\"a\":[]}]]", "{\"a\":1,\"b\":{\"c\":[true,null]},\"a\":2}",
        "123456789012345678901234567890", "\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\"", "\"\\ud83d\\ude00\"",
        "\"é € 😀\"", "{\"\":0}", "\"\u{7f}\"", "[\"\u{2028}\"]", "\"\u{10FFFF}\"", "\"\u{D7FF}\u{E000}\"",
    ]

    private static let invalid = [
        "", " ", "nul", "nulll", "True", "01", "-", "-a", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN", "Infinity",
        "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\u{1}\"", "'a'", "[", "]", "[1", "[1,",
        "[1,]", "[,1]", "[1 2]", "{", "}", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{1:2}",
        "{\"a\":1 \"b\":2}", "1 2", "[] []", "{}x", "// c\n1", "[1]\u{0}", "\u{FEFF}1", "\u{A0}1",
    ]

    @Test("valid texts are valid", arguments: valid)
    func acceptsValid(_ text: String) throws {
        try JSONText.validate(Array(text.utf8))
        #expect(JSONText.isValid(Array(text.utf8)))
    }

    @Test("invalid texts are not", arguments: invalid)
    func rejectsInvalid(_ text: String) {
        #expect(!JSONText.isValid(Array(text.utf8)))
        #expect(!JSONText.isValid(Array("{\"a\":[\(text)".utf8)))
    }

    @Test(
        "strings are UTF-8 as Unicode has it",
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]]
    )
    func rejectsBadUTF8(_ inside: [UInt8]) {
        #expect(!JSONText.isValid([0x22] + inside + [0x22]))
    }

    @Test("nesting is bounded, not the stack")
    func nesting() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(JSONText.isValid(nested(512)))
        #expect(!JSONText.isValid(nested(513)))
        #expect(!JSONText.isValid(Array(repeating: UInt8(ascii: "["), count: 1_000_000)))
        #expect(throws: Never.self) { try JSONText.members(of: Array("{\"a\":".utf8) + nested(511) + [0x7D]) }
        #expect(throws: JSONText.Failure.self) {
            try JSONText.members(of: Array("{\"a\":".utf8) + nested(512) + [0x7D])
        }
    }

    @Test("a member's value is carried as it is written")
    func members() throws {
        let text = Array(
            #" { "id" : "a\u0062" ,"n":12345678901234567890.10, "\u0064ata":{"b": [1 ], "a":2} } "#.utf8
        )
        let members = try JSONText.members(of: text)
        #expect(members.map(\.name) == ["id", "n", "data"])
        #expect(
            members.map { String(decoding: text[$0.value], as: UTF8.self) }
                == ["\"a\\u0062\"", "12345678901234567890.10", "{\"b\": [1 ], \"a\":2}"]
        )
        #expect(JSONText.string(text[members[0].value]) == "ab")
        #expect(JSONText.string(text[members[1].value]) == nil)
        #expect(try JSONText.members(of: Array("{ }".utf8)).isEmpty)
    }

    @Test(
        "an error says where and what",
        arguments: [
            ("{\"a\":1 x}", "not JSON: expected ',' or '}' at byte 7, found 'x'"),
            ("{\"a\":[1,]}", "not JSON: expected a value at byte 8, found ']'"),
            ("[1]", "not JSON: expected '{' at byte 0, found '['"),
            ("{\"a\":tru", "not JSON: expected true at byte 8, found the end"),
            ("{} {}", "not JSON: expected the end at byte 3, found '{'"),
            ("{\"a\":\"\n\"}", "not JSON: expected no control character in a string at byte 6, found 0xa"),
        ]
    )
    func errors(text: String, message: String) {
        let error = #expect(throws: JSONText.Failure.self) { try JSONText.members(of: Array(text.utf8)) }
        #expect(error?.description == message)
    }

    @Test("strings are decoded with their escapes and surrogates")
    func strings() {
        func decode(_ text: String) -> String? { JSONText.string(Array(text.utf8)[...]) }
        #expect(decode("\"\\ud83d\\ude00 \\u00e9\\b\\f\\n\\r\\t\\/\\\\\\\" é\"") == "😀 é\u{8}\u{c}\n\r\t/\\\" é")
        #expect(decode("\"\\ud83d!\"") == "\u{FFFD}!")
        #expect(decode("\"\\ud83d\\u0041\\ude00\"") == "\u{FFFD}A\u{FFFD}")
        #expect(decode("\"\\u0000\"") == "\0")
        #expect(decode("12") == nil)
        #expect(decode("\"a\" \"b\"") == nil)
    }

    @Test("what is escaped is read back as it was, by Foundation too")
    func escaping() throws {
        let text = "quote \" slash / back \\ \u{0}\u{1}\u{1f}\u{7f} \n\r\t é € 😀 \u{2028}"
        var bytes: [UInt8] = []
        JSONText.appendEscaped(text, to: &bytes)
        #expect(JSONText.isValid(bytes))
        #expect(JSONText.string(bytes[...]) == text)
        #expect(try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) as? String == text)
    }

    @Test("a text on many lines becomes one on a single line that says the same")
    func singleLine() {
        var output = Array("x\n".utf8)
        JSONText.appendSingleLine(Array("{\r\n  \"a\": \"b\\n\",\n\t\"c\": 1\n}\n".utf8), to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "x\n{    \"a\": \"b\\n\", \t\"c\": 1 } ")
    }

    @Test("the writer's objects are valid and hold what was added")
    func writer() throws {
        var writer = JSONObjectWriter()
        writer.add("id", "a\"b")
        writer.add("n", -3)
        writer.add("ok", true)
        writer.add("x", 0.5)
        writer.add("inf", Double.infinity)
        writer.add("data", json: Array("[1,\n2]".utf8).span.bytes)
        writer.addNull("none")
        let text = String(decoding: writer.finish(), as: UTF8.self)
        #expect(text == #"{"id":"a\"b","n":-3,"ok":true,"x":0.5,"inf":null,"data":[1, 2],"none":null}"#)
        #expect(String(decoding: JSONObjectWriter().finish(), as: UTF8.self) == "{}")
    }

    @Test("of random mutations, Foundation takes what is valid here, and refuses what is not")
    func mutations() {
        var random = SplitMix64(state: 20_240_607)
        let alphabet = Array("{}[]\",:\\0123456789.eE+-truefalsn u\n\u{1}é".utf8) + [0xC3, 0xFF]
        var differences: [String] = []
        var validCount = 0
        for round in 0..<20_000 {
            var text = Array(Self.valid[round % Self.valid.count].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 0...text.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text.insert(alphabet.randomElement(using: &random) ?? 0, at: position)
                case 1 where position < text.count: text.remove(at: position)
                case 2 where position < text.count: text[position] = alphabet.randomElement(using: &random) ?? 0
                default: break
                }
            }
            let isValid = JSONText.isValid(text)
            let theirs = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
            validCount += isValid ? 1 : 0
            if isValid != (theirs != nil), !Self.isKnownDifference(text, valid: isValid) {
                differences.append(String(decoding: text, as: UTF8.self))
            }
        }
        #expect(differences.isEmpty, "\(differences.prefix(10))")
        #expect(validCount > 1000)
    }

    /// Foundation refuses lone surrogates and numbers beyond a Double, which the grammar allows; and takes a comma
    /// behind the last element, which it does not.
    private static func isKnownDifference(_ text: [UInt8], valid: Bool) -> Bool {
        let text = String(decoding: text, as: UTF8.self).lowercased().filter { !" \t\r\n".contains($0) }
        return valid ? text.contains("\\ud") || text.contains(/[0-9]e\+?[0-9]{3}/) : text.contains(/,[\]}]/)
    }
}

/// A seeded generator, so that a failure comes again.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
