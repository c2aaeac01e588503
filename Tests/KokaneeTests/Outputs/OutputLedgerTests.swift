import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("The ledger of outputs")
struct OutputLedgerTests {
    private func place(_ offset: Int64, _ topic: String = "q") -> Envelope.Origin {
        Envelope.Origin(topic: topic, partition: 3, offset: offset)
    }

    /// The ledger as the next owner reads it.
    private func reread(_ ledger: OutputLedger) -> OutputLedger {
        ledger.pages.keys.reduce(into: OutputLedger()) { read, topic in
            guard let record = ledger.record(of: topic) else { return }
            read.take(key: record.key, value: record.value)
        }
    }

    @Test("has exactly the offsets that were noted, and those below the watermark, also when it is read again")
    func offsets() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            var ledger = OutputLedger()
            var done: Set<Int64> = []
            var watermark: Int64 = 0
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                let offsets = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                    Int64.random(in: 0..<60, using: &generator)
                }
                watermark = max(watermark, Int64.random(in: 0..<60, using: &generator) - 30)
                done.formUnion(offsets)
                ledger.note(offsets, of: "q", era: "a", watermark: watermark)
            }
            for ledger in [ledger, reread(ledger)] {
                for offset in 0..<Int64(70) {
                    let expected = offset < watermark || done.contains(offset)
                    #expect(ledger.contains(place(offset), era: "a") == expected)
                }
            }
            #expect(reread(ledger) == ledger)
        }
    }

    @Test("what was done before a reset counts for nothing after it")
    func eras() {
        var ledger = OutputLedger()
        ledger.note([5, 6], of: "q", era: "before", watermark: 5)
        #expect(!ledger.contains(place(5), era: "after"))
        ledger.note([9], of: "q", era: "after", watermark: 2)
        #expect(ledger.contains(place(9), era: "after") && !ledger.contains(place(6), era: "after"))
        #expect(!ledger.contains(place(6), era: "before"))
    }

    @Test("topics have offsets of their own")
    func topics() {
        var ledger = OutputLedger()
        ledger.note([5], of: "q.retry.1m", era: "a", watermark: 0)
        #expect(!ledger.contains(place(5), era: "a") && ledger.contains(place(5, "q.retry.1m"), era: "a"))
    }

    @Test(
        "records that are none of it change nothing",
        arguments: [
            ("outputs/q", ""), ("outputs/q", "\u{1}"), ("outputs/q", "\u{1}a;x;"), ("outputs/q", "\u{1}a;-1;"),
            ("outputs/q", "\u{2}a;1;"), ("outputs/q", "\u{1}a;1;\u{80}"), ("mark/q", "\u{1}a;1;"),
        ]
    )
    func garbage(key: String, value: String) {
        var ledger = OutputLedger()
        ledger.note([1], of: "q", era: "a", watermark: 0)
        let before = ledger
        ledger.take(key: Bytes(key), value: Bytes(value))
        ledger.take(key: nil, value: Bytes(value))
        ledger.take(key: Bytes(key), value: nil)
        #expect(ledger == before)
    }
}
