import RdKafka
import Testing

@testable import Kokanee

@Suite("Records of the state topic")
struct StateRecordTests {
    private static func mark(_ text: String) -> MarkBook.Mark? { Bytes(text).withUnsafeBytes { MarkRecord.mark($0) } }

    private static func identity(_ text: String) -> UInt64 { Bytes(text).withUnsafeBytes { MarkBook.identity($0) } }

    @Test(
        "a mark is read back as it was written",
        arguments: [MarkBook.Kind.done, .held, .passed(upTo: 0), .passed(upTo: 123_456_789)]
    )
    func marks(_ kind: MarkBook.Kind) {
        var mark = MarkBook.Mark(kind: kind, until: 1_764_000_000_000, of: Self.identity("orders/3/17"))
        if kind == .done { mark.at = 1 }
        let record = MarkRecord(mark: mark, of: "orders/3/17", at: 1, job: "a \"quoted\" id, }")
        #expect(record.value.withUnsafeBytes { MarkRecord.mark($0) } == mark)
        #expect(JSONText.isValid(record.value.array))
    }

    @Test("a mark that others spelt otherwise says the same")
    func spelling() {
        let mark = MarkBook.Mark(kind: .passed(upTo: 5), until: 77, of: Self.identity("a/0/1"))
        #expect(Self.mark(#"{ "of": "a\/0\/1", "upTo": 5, "until": 77, "more": [1] }"#) == mark)
        #expect(Self.mark(#"{"until":77,"of":"a/0/1"}"#)?.kind == .done)
        #expect(Self.mark(#"{"at": 5, "until": 77, "of": "a/0/1"}"#)?.at == 5)
        #expect(Self.mark(#"{"held":true,"until":77,"of":"a/0/1"}"#)?.kind == .held)
    }

    @Test(
        "what is no mark says nothing",
        arguments: [
            "", "{", "null", "[]", "{}", #"{"until":5}"#, #"{"until":"5","of":"a/0/1"}"#, #"{"until":-5,"of":"a/0/1"}"#,
            #"{"until":9999999999999999999,"of":"a","at":1}"#, #"{"until":5,"of":"a/0/1","at":1"#, #"{"until":5,"of":"#,
            #"{"until":5,"upTo":-1,"of":"a/0/1","at":1}"#,
        ]
    )
    func garbage(_ text: String) {
        #expect(Self.mark(text) == nil)
    }

    @Test("a mark's end is never further away than any time that can be written")
    func farAway() {
        #expect(Self.mark(#"{"until":999999999999999999,"of":"a","at":1}"#)?.until == Timestamp.latest)
    }

    @Test("keys of other kinds of records are told apart")
    func keys() {
        func kind(_ text: String) -> StateKey? { Bytes(text).withUnsafeBytes { StateKey($0) } }
        #expect(kind("mark/a") == .mark && kind("unique/a") == .mark && kind("job/a") == .job)
        for text in ["", "mark", "mark/", "job/", "outcome/completed/0/x", "dlq/0/1", "marks/a", "Mark/a"] {
            #expect(kind(text) == nil, "\(text)")
        }
        #expect(JobRecord.id(ofKey: JobRecord.key(of: "a/b")) == "a/b")
        #expect(JobRecord.id(ofKey: Bytes("mark/a")) == nil && JobRecord.id(ofKey: nil) == nil)
    }

    @Test("a job's record is read back as it was written, and its head without reading the rest")
    func jobs() throws {
        var record = JobRecord()
        record.attempt = 3
        record.at = 1_700_000_000_000
        record.order = .init(epoch: 1_699_000_000_000, sequence: 7)
        record.checkpoint = .init(bytes: Bytes(#"{"page":12}"#))
        record.progress = 0.25
        record.note = "page 12"
        record.expiresAt = 1_800_000_000_000
        #expect(JobRecord(value: record.value) == record)
        let head = record.value.withUnsafeBytes { JobBook.Head($0) }
        #expect(head == .init(order: record.order, expiresAt: record.expiresAt, isOpen: true))
        record.outcome = .completed
        record.result = .init(bytes: Bytes([0xFF, 0x00]))
        #expect(JobRecord(value: record.value) == record)
        #expect(record.value.withUnsafeBytes { JobBook.Head($0) }?.isOpen == false)
    }

    @Test(
        "a checkpoint's bytes come back as they were",
        arguments: ["5", "\"text\"", "{\"a\":\n1}", "not JSON", "", " [1 , 2]\r\n"]
    )
    func blobs(_ text: String) {
        var record = JobRecord()
        record.checkpoint = .init(bytes: Bytes(text))
        #expect(JobRecord(value: record.value)?.checkpoint?.bytes == Bytes(text))
    }

    @Test(
        "what is no record of a job's says nothing",
        arguments: ["", "{}", "7", #"{"attempt":0,"at":1}"#, #"{"at":1}"#]
    )
    func noJob(_ text: String) {
        #expect(JobRecord(value: Bytes(text)) == nil)
        #expect(Bytes(text).withUnsafeBytes { JobBook.Head($0) } == nil)
    }

    @Test("a wish to be unique is read back, and one that nobody could mean is none")
    func wishes() {
        let wish = UniqueWish(until: .done, limit: 5000, key: "a/b")
        #expect(wish.text == "done/5000/a/b" && UniqueWish(text: wish.text) == wish)
        for text in ["", "done", "done/5000", "done/5000/", "later/5000/a", "done/-1/a", "done/x/a", "done/0/a"] {
            #expect(UniqueWish(text: text) == nil, "\(text)")
        }
        #expect(UniqueWish(text: "start/1/a")?.limit == 1000)
        #expect(UniqueWish(text: "start/99999999999999/a")?.limit == 31_536_000_000)
    }
}
