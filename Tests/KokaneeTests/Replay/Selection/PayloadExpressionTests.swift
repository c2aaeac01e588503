import RdKafka
import Testing

@testable import Kokanee

@Suite("PayloadExpression")
struct PayloadExpressionTests {
    private static let payload: Bytes = #"""
        {"country":"NO","total":100,"paid":true,"note":null,"rate":0.1,"big":123456789012345678901234567890,
         "lines":[{"sku":"a","n":1},{"sku":"b","n":2.0}],"tags":["new","x"],"odd name":{"é":"ü"},"quo\"te":"a\"b\\c",
         "twice":1,"twice":2,"":"empty","esc\u0061ped":"caf\u00e9","id":9007199254740993,"broken":"\ud800","5":5}
        """#

    private func answer(_ text: String, _ payload: Bytes = payload, key: Bytes? = "k1") throws
        -> PayloadExpression.Answer
    {
        let job = DecodedJob(envelope: Envelope(id: "id-1", type: "invoice", version: 3), payload: payload)
        return try PayloadExpression(text).answer(job, key: key)
    }

    @Test(
        "what is true of a job is found true",
        arguments: [
            #"data.country == "NO""#, "data.country == 'NO'", #"data.country != "SE""#, "data.total == 100",
            "data.total == 100.0", "data.total == 1e2", "data.total >= 100 && data.total <= 100", "data.total < 100.5",
            "data.paid == true", "data.note == null", "data.note != 0", "data.rate == 0.1", "data.rate < 1",
            "data.lines[1].sku == 'b'", "data.lines[1].n == 2", "data['lines'][0]['n'] == 1",
            #"data."odd name"."é" == "ü""#, "data.'odd name'.é == 'ü'", #"data."quo\"te" == "a\"b\\c""#,
            #"data.'quo"te' == 'a"b\\c'"#, "data.escaped == 'café'", #"data.esc\#u{61}ped == "caf\u00e9""#,
            "data.twice == 1", "data.'' == 'empty'", "data.'5' == 5", "data[\"5\"] == data.'5'",
            "data.country in ['SE', \"NO\"]", "data.total in [1, 100]", "data.note in [null]",
            "data.country contains 'O'", "data.country contains ''", "data.tags contains 'x'",
            "data.tags contains \"new\"",
            "data.country startsWith 'N'", "data.country STARTSWITH 'NO'", "data.escaped contains 'é'",
            "exists data.note", "exists data", "exists data.lines[1]", "not exists data.lines[2]",
            "!exists data.missing",
            "data.missing != 1", "not data.missing == 1", "not (data.missing < 1)", "not data.missing >= 1",
            "data.total != '100'", "not data.paid == 1", "data.lines != 1", "data != 1",
            "data.big == 123456789012345678901234567890", "data.big > 123456789012345678901234567889",
            "data.big > -1", "data.big < 1e30",
            "data.id == 9007199254740993", "data.id != 9007199254740992", "data.id > 9007199254740992",
            "data.country < 'NP'", "data.country > 'N'", "data.broken != 'x'", "exists data.broken",
            "type == 'invoice' and id startsWith 'id' and key == 'k1' and version >= 2",
            "type contains 'voi'", "exists key", "data.country == 'SE' or data.total == 100",
            "data.country == 'NO' or data.total == 1 and data.total == 2",
            "NOT data.country == 'SE' AND data.total == 100", "((data.total == 100))", "!!(data.total==100)",
            "data.total == data.total", "data.lines[0].n < data.lines[1].n", "data.country != data.missing",
        ]
    )
    func yes(text: String) throws {
        #expect(try answer(text) == .yes)
    }

    @Test(
        "what is not true of a job is not",
        arguments: [
            "data.country == 'no'", "data.missing == 1", "data.missing == null", "data.missing < 1", "data.missing > 1",
            "data.missing in [null]", "data.missing contains ''", "data.missing startsWith ''",
            "data.missing == data.missing",
            "data.total == '100'", "data.total < '200'", "data.paid == 1", "data.paid contains 't'",
            "data.total[0] == 1",
            "data.country[0] == 'N'", "data.lines.sku == 'a'", "data.lines[2].sku == 'c'",
            "exists data.lines[999999999]",
            "data.tags contains 'ne'", "data.twice == 2", "data.id == 9007199254740992", "data == 1",
            "data.lines == data.lines",
            "data.broken == 'x'", "data.paid == false",
            "(data.country == 'NO' or data.total == 1) and data.total == 2",
            "data.country == 'NO' and not data.total == 100",
            "type == 'INVOICE'", "version < 3", "data.tags[0] startsWith 'newer'", "data.note == 0",
        ]
    )
    func no(text: String) throws {
        #expect(try answer(text) == .no)
    }

    @Test("a missing key is as if missing, an empty payload is an empty object")
    func absences() throws {
        #expect(try answer("exists key", key: nil) == .no)
        #expect(try answer("key == ''", key: nil) == .no)
        #expect(try answer("key == ''", key: "") == .yes)
        #expect(try answer("not exists data.x", "") == .yes)
    }

    @Test(
        "a payload that is no JSON matches nothing, not even its contrary",
        arguments: ["nonsense", "{", "\u{0}", "{\"a\":1} x", String(repeating: "[", count: 200)]
    )
    func noJSON(payload: String) throws {
        for text in ["data.a == 1", "not data.a == 1", "type == 'invoice' or data.a == 1"] {
            #expect(try answer(text, Bytes(payload)) == .unreadable)
        }
        #expect(try answer("type == 'invoice'", Bytes(payload)) == .yes, "who does not ask does not care")
    }

    @Test("numbers have an order that is exact where they are whole, of any length")
    func numbers() throws {
        let rising = [
            "-1e400", "-100000000000000000001", "-100000000000000000000", "-9223372036854775808",
            "-9223372036854775807", "-1.5",
            "-1", "-0.5", "0", "1e-9", "1", "9007199254740992", "9007199254740993", "9223372036854775807",
            "9223372036854775808", "18446744073709551616", "1e400",
        ]
        for (index, left) in rising.enumerated() {
            for (other, right) in rising.enumerated() {
                let payload = Bytes("{\"a\":\(left)}")
                #expect(try answer("data.a < \(right)", payload) == (index < other ? .yes : .no), "\(left) < \(right)")
                #expect(
                    try answer("data.a == \(right)", payload) == (index == other ? .yes : .no),
                    "\(left) == \(right)"
                )
            }
        }
        #expect(try answer("data.a == 0", "{\"a\":-0}") == .yes)
        #expect(try answer("data.a == 0", "{\"a\":0e5}") == .yes)
        for wrong in ["1-2", "01", "1.", "-", "1e"] {
            #expect(try answer("data.a != 1", Bytes("{\"a\":\(wrong)}")) == .yes, "\(wrong) is as if missing")
            #expect(try answer("data.a >= 0", Bytes("{\"a\":\(wrong)}")) == .no, "\(wrong) is as if missing")
        }
    }

    @Test(
        "a mistake is shown at its place, with what was expected there",
        arguments: [
            ("", 1, "expected a test"), ("data.country = 'NO'", 14, "equality is =="),
            ("data.country", 13, "expected ==, !="),
            ("data.country ==", 16, "expected a value or a path"),
            ("data.country == NO", 17, "strings stand in quotes"),
            ("country == 'NO'", 1, "expected data, type"),
            ("data.country == 'NO' data.x == 1", 22, "expected and, or, or the end"),
            ("(data.x == 1", 13, "expected and, or, or )"), ("data.x in 'a'", 11, "expected ["),
            ("data.x in []", 12, "expected a value"),
            ("data.x in [1 2]", 14, "expected , or ]"), ("data.5 == 1", 6, "expected a name"),
            ("data. == 1", 7, "expected a name"),
            ("data[-1] == 1", 6, "expected an index"), ("data[x] == 1", 6, "expected an index"),
            ("data[1 == 1", 8, "expected ]"),
            ("type.x == 'a'", 5, "has no members"), ("type == 1", 9, "is a string"),
            ("version == '1'", 12, "is a number"),
            ("data.x < true", 10, "have an order"), ("data.x startsWith 1", 19, "expected a string"),
            ("data.x == 'a", 11, "without its end"),
            (#"data.x == "\q""#, 11, "escape"), ("data.x == 1 & data.y == 2", 13, "&&"), ("data.x == 01", 11, "number"),
            ("data.x ~ 1", 8, "means nothing"), ("ä == 1", 1, "expected data"),
            ("data.ä == $", 11, "strings stand in quotes"),
            ("not", 4, "expected a test"), ("exists", 7, "expected a path"), ("data.x == 1 and", 16, "expected a test"),
            (String(repeating: "(", count: 33) + "data.x == 1", 33, "deeper than 32"),
            (String(repeating: "!", count: 5000) + "data.x == 1", 33, "deeper than 32"),
        ]
    )
    func mistakes(text: String, place: Int, words: String) throws {
        let error = try #require(throws: InputError.self) { try PayloadExpression(text) }
        let lines = error.message.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 3)
        #expect(error.message.hasPrefix("expression, character \(place): "), "\(error.message)")
        #expect(lines[0].contains(words), "\(error.message)")
        #expect(lines[2].hasSuffix("^") && lines[2].count == 3 + min(place - 1, 49), "\(error.message)")
    }

    @Test("the length of an expression is bounded")
    func length() throws {
        let long = "data.x in [" + String(repeating: "1,", count: 8200) + "1]"
        #expect(throws: InputError.self) { try PayloadExpression(long) }
        #expect(try answer("data.total in [" + String(repeating: "1,", count: 8000) + "100]") == .yes)
    }
}
