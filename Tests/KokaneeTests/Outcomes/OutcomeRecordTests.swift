import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("Marks as the state topic has them")
struct OutcomeRecordTests {
    private static func record(_ words: [UInt64], build: String = "b", replay: String? = nil) -> OutcomeRecord {
        OutcomeRecord(kind: .completed, chunk: 7, series: "x1.2", build: build, replay: replay, words: words)
    }

    private static func words(_ isSet: (Int) -> Bool) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: OffsetSet.wordsInChunk)
        for bit in 0..<Int(OffsetSet.chunkLength) where isSet(bit) { words[bit >> 6] |= 1 << UInt64(bit & 63) }
        return words
    }

    @Test("what was written is read again, whatever the bits, and takes little more than a kilobyte")
    func bits() throws {
        var generator = SeededGenerator(seed: 5)
        var all = [
            Self.words { _ in true }, Self.words { $0 == 0 }, Self.words { $0 == 8191 }, Self.words { $0 % 2 == 0 },
            Self.words { (63...64).contains($0) }, Self.words { $0 < 4096 }, Self.words { $0 / 64 % 2 == 1 },
        ]
        for _ in 0..<100 {
            let density = Double.random(in: 0...1, using: &generator)
            let end = Int.random(in: 1...8192, using: &generator)
            all.append(Self.words { $0 == 0 || $0 < end && .random(in: 0...1, using: &generator) < density })
        }
        for words in all {
            let record = Self.record(words, build: "2026.11-ä", replay: "20261125-214400-k3f9")
            let (build, replay, read) = try #require(OutcomeRecord.parse(value: record.value))
            let isSame = read == words
            #expect(build == record.build && replay == record.replay && isSame)
            #expect(record.value.count <= 1100)
        }
        #expect(Self.record(Self.words { $0 < 5000 }).value.count < 20, "a run is short")
    }

    @Test("keys are read again, and those of other records are not ours")
    func keys() throws {
        for kind in OutcomeRecord.Kind.allCases {
            for chunk in [0, 10, Int64.max / OffsetSet.chunkLength - 1] {
                var record = Self.record([])
                (record.kind, record.chunk) = (kind, chunk)
                let (readKind, readChunk) = try #require(OutcomeRecord.parse(key: record.key))
                #expect(readKind == kind && readChunk == chunk)
            }
        }
        let foreign = [
            "", "outcome/", "outcome/completed/1", "outcome/completed/1/", "outcome/completed/01/a", "outcome/done/1/a",
            "outcome/completed/-1/a", "outcome/completed/-0/a", "outcome/completed//a", "outcome/completed/1/a/b",
            "outcome/completed/9999999999999999999/a", "outcome/failed/x/a", "verdict/0/7", "outcomes/completed/1/a",
        ]
        for key in foreign { #expect(OutcomeRecord.parse(key: Bytes(key)) == nil, "\(key)") }
        #expect(OutcomeRecord.parse(key: nil) == nil)
    }

    @Test("garbage is refused, and nothing crashes on it")
    func garbage() {
        let run = Self.record(Self.words { $0 < 10 }).value.array
        let bitmap = Self.record(Self.words { $0 % 3 == 0 }).value.array
        let refused: [[UInt8]] = [
            [], [1], [1, 0], [1, 0, 0], [1, 0, 0, 0], [2] + run.dropFirst(), [1, 9] + run.dropFirst(2),
            // A run beyond the chunk, of no length, without its length; a bitmap that is too long.
            [1, 1, 0, 0, 0, 0x81, 0x40], [1, 1, 0, 0, 1, 0], [1, 1, 0, 0, 1],
            [1, 0, 0, 0] + [UInt8](repeating: 1, count: 1025),
            // Texts that are cut, no text, or no build or replay.
            [1, 0, 200, 65], [1, 0, 1, 0xFF, 0, 1], [1, 0, 1, 10, 0, 1], [1, 0, 0, 1, 65, 1],
            [1, 0, 201] + [UInt8](repeating: 65, count: 201) + [0, 1],
        ]
        for bytes in refused { #expect(OutcomeRecord.parse(value: Bytes(bytes)) == nil, "\(bytes.prefix(16))") }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            var bytes = Bool.random(using: &generator) ? run : bitmap
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator) / 2)
            let words = OutcomeRecord.parse(value: Bytes(bytes))?.words
            #expect(words.map { $0.count == OffsetSet.wordsInChunk } ?? true)
        }
    }
}
