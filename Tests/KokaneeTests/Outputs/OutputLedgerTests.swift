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

    @Test(
        "tells what was completed from what the watermark has passed, whatever became of that, also when it is read again"
    )
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
                    let expected: OutputLedger.End? =
                        offset < watermark ? .finished : done.contains(offset) ? .completed : nil
                    #expect(ledger.end(of: place(offset), era: "a") == expected)
                }
            }
            #expect(reread(ledger) == ledger)
        }
    }

    @Test("what was done before a reset counts for nothing after it")
    func eras() {
        var ledger = OutputLedger()
        ledger.note([5, 6], of: "q", era: "before", watermark: 5)
        #expect(ledger.end(of: place(5), era: "after") == nil)
        ledger.note([9], of: "q", era: "after", watermark: 2)
        #expect(ledger.end(of: place(9), era: "after") == .completed)
        #expect(ledger.end(of: place(6), era: "after") == nil && ledger.end(of: place(6), era: "before") == nil)
    }

    @Test("topics have offsets of their own")
    func topics() {
        var ledger = OutputLedger()
        ledger.note([5], of: "q.retry.1m", era: "a", watermark: 0)
        #expect(ledger.end(of: place(5), era: "a") == nil)
        #expect(ledger.end(of: place(5, "q.retry.1m"), era: "a") == .completed)
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
