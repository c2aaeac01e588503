import RdKafka
import Testing

@testable import Kokanee

@Suite struct VerdictTests {
    private static func verdict(_ verdict: Verdict, letterTimestamp: Int64 = 7) -> VerdictRecord {
        VerdictRecord(
            verdict,
            at: 1_700_000_000_000,
            by: "ann@\"host\"",
            job: "job/1",
            letterTimestamp: letterTimestamp,
            reason: "sent\nby hand",
            destination: "orders/2"
        )
    }

    @Test("a verdict is read as it was written")
    func roundTrip() {
        let verdict = Self.verdict(.discarded)
        #expect(VerdictRecord(value: verdict.value) == verdict)
        #expect(VerdictRecord.offset(key: VerdictRecord.key(partition: 2, offset: 17), partition: 2) == 17)
    }

    @Test(
        "records of other kinds in the state topic are none of the verdicts' business",
        arguments: [
            "", "dlq", "dlq/2", "dlq/2/x", "dlq/3/17", "idempotency/2/17", "dlq/2/17/1", "dlq/2/-1", "dlq/2/017",
        ]
    )
    func foreignKeys(key: String) {
        var index = VerdictIndex()
        index.take(partition: 2, key: Bytes(key), value: Self.verdict(.retried).value)
        #expect(index.count == 0)
    }

    @Test("values that are no verdicts leave what is known as it is; a tombstone takes it back; the last one counts")
    func order() {
        var index = VerdictIndex()
        let place = LetterPlace(partition: 2, offset: 17)
        let key = VerdictRecord.key(partition: 2, offset: 17)
        index.take(partition: 2, key: key, value: Self.verdict(.retried).value)
        for value in ["", "{}", "[1]", "{\"type\":\"checkpoint\"}", "{\"type\":\"dead-letter-verdict\"}"] {
            index.take(partition: 2, key: key, value: Bytes(value))
        }
        #expect(index.verdict(at: place, letterTimestamp: 7) == .retried)
        index.take(partition: 2, key: key, value: nil)
        #expect(index.verdict(at: place, letterTimestamp: 7) == nil)
        index.take(partition: 2, key: key, value: Self.verdict(.discarded).value)
        #expect(index.verdict(at: place, letterTimestamp: 7) == .discarded)
    }

    @Test("a verdict does not hold for another letter that stands in the same place of a topic made anew")
    func madeAnew() {
        var index = VerdictIndex()
        index.take(
            partition: 0,
            key: VerdictRecord.key(partition: 0, offset: 3),
            value: Self.verdict(.retried, letterTimestamp: 7).value
        )
        #expect(index.verdict(at: LetterPlace(partition: 0, offset: 3), letterTimestamp: 8) == nil)
    }

    @Test("parts hold at most so many letters, and more bytes than allowed only in one letter alone")
    func parts() {
        let sizes = [5, 5, 5, 50, 1, 1, 1, 1]
        let references = sizes.enumerated().map { index, size in
            LetterReference(
                place: LetterPlace(partition: 0, offset: Int64(index)),
                timestamp: 0,
                diedAt: 0,
                size: size,
                isSettled: false
            )
        }
        let parts = references.parts(ofAtMost: 3, bytes: 10).map { $0.map(\.size) }
        #expect(parts == [[5, 5], [5], [50], [1, 1, 1], [1]])
        #expect([LetterReference]().parts(ofAtMost: 3, bytes: 10).isEmpty)
    }
}
