import TestSupport
import Testing

@testable import Kokanee

@Suite("The completion map")
struct CompletionMapTests {
    private static func map(seed: UInt64, above committed: Int64) -> CompletionMap {
        var random = SeededGenerator(seed: seed)
        var map = CompletionMap()
        var end = committed
        for _ in 0..<Int.random(in: 0...40, using: &random) {
            let scale = Int64(1) << Int64.random(in: 0...20, using: &random)
            let start = end + Int64.random(in: 0...scale, using: &random)
            end = start + Int64.random(in: 1...scale, using: &random)
            map.append(start..<end)
        }
        return map
    }

    @Test("what is encoded is decoded", arguments: 0..<200 as Range<UInt64>)
    func roundTrip(seed: UInt64) {
        let committed = Int64(seed * 7919)
        let map = Self.map(seed: seed, above: committed)
        let bytes = map.encoded(above: committed, limit: .max)
        #expect(CompletionMap(decoding: bytes, above: committed) == map)
    }

    @Test("a map cut to a limit keeps to it, and claims nothing unfinished", arguments: 0..<200 as Range<UInt64>)
    func cut(seed: UInt64) throws {
        let map = Self.map(seed: seed, above: 10)
        for limit in [0, 1, 2, 3, 7, 20] {
            let bytes = map.encoded(above: 10, limit: limit)
            #expect(bytes.count <= limit)
            let kept = try #require(CompletionMap(decoding: bytes, above: 10))
            #expect(kept.runs == Array(map.runs.prefix(kept.runs.count)))
        }
    }

    @Test("an offset is in it exactly if it is in one of its runs", arguments: 0..<50 as Range<UInt64>)
    func contains(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let finished = Set((0..<60).filter { _ in Bool.random(using: &random) }.map(Int64.init))
        let map = CompletionMap(runs: finished.sorted().map { $0..<$0 + 1 })
        for offset in Int64(-1)...61 { #expect(map.contains(offset) == finished.contains(offset)) }
        #expect(map.count == Int64(finished.count))
        for (run, next) in zip(map.runs, map.runs.dropFirst()) { #expect(run.upperBound < next.lowerBound) }
    }

    @Test("garbage is refused or read, and never a crash")
    func garbage() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...24, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            guard let map = CompletionMap(decoding: bytes, above: .random(in: 0...Int64.max, using: &random)) else {
                continue
            }
            #expect(map.runs.allSatisfy { !$0.isEmpty })
        }
        #expect(CompletionMap(decoding: [1], above: 0) == nil, "a gap without a length")
        #expect(CompletionMap(decoding: [1, 0], above: 0) == nil, "a run of no length")
        #expect(CompletionMap(decoding: [0x80], above: 0) == nil, "a number cut short")
        #expect(CompletionMap(decoding: [1, 1], above: .max) == nil, "beyond the last offset")
        #expect(CompletionMap(decoding: Array(repeating: 0xFF, count: 9) + [2, 1], above: 0) == nil, "beyond 64 bits")
    }
}

@Suite("A commit's metadata")
struct CommitMetadataTests {
    @Test("it is read back, and keeps to its limit in printable ASCII", arguments: [64, 200, 512, 4096])
    func limit(limit: Int) throws {
        let runs: [Range<Int64>] = (0..<5000).map { (index: Int64) in 100 + 3 * index..<101 + 3 * index }
        let owner = "a;b c\u{0}é" + String(repeating: "x", count: limit == 64 ? 10 : 300)
        let metadata = CommitMetadata(owner: owner, movedAt: 1_700_000_000_000, completed: CompletionMap(runs: runs))
        let text = metadata.text(above: 50, limit: limit)
        #expect(text.utf8.count <= limit)
        #expect(text.utf8.allSatisfy { (0x21...0x7E).contains($0) })
        let read = try #require(CommitMetadata(text: text, above: 50))
        #expect(read.movedAt == metadata.movedAt)
        #expect(read.completed.runs == Array(runs.prefix(read.completed.runs.count)))
        #expect(limit < 4096 || read.completed.runs.count > 1000)
    }

    @Test(
        "text of another kind says nothing",
        arguments: ["", "k1", "k2;o;1;", "k1;o;x;", "k1;o;1;!!!", "k1;o;1;AQ==", "k1;o;1", "\u{0}", "{\"a\":1}"]
    )
    func foreign(text: String) {
        #expect(CommitMetadata(text: text, above: 0) == nil)
    }

    @Test("the id of the last rewind is kept, whatever has to give way to it", arguments: [48, 64, 128, 512, 4096])
    func rewind(limit: Int) throws {
        let runs: [Range<Int64>] = (0..<5000).map { (index: Int64) in 100 + 3 * index..<101 + 3 * index }
        let metadata = CommitMetadata(
            owner: String(repeating: "x", count: 200),
            movedAt: 1_700_000_000_000,
            completed: CompletionMap(runs: runs),
            rewind: "20261125-214400-k3f9"
        )
        let text = metadata.text(above: 50, limit: limit)
        #expect(text.utf8.count <= limit)
        let read = try #require(CommitMetadata(text: text, above: 50))
        #expect(read.rewind == metadata.rewind)
        #expect(read.completed.runs == Array(runs.prefix(read.completed.runs.count)))
    }

    @Test("fields of later releases are passed over, and what is no id is none")
    func furtherFields() {
        #expect(CommitMetadata(text: "k1;o;1;;20261125-214400-k3f9;x;y", above: 0)?.rewind == "20261125-214400-k3f9")
        for text in ["k1;o;1;", "k1;o;1;;", "k1;o;1;;latest", "k1;o;1;;;20261125-214400-k3f9"] {
            #expect(CommitMetadata(text: text, above: 0)?.rewind == nil)
            #expect(CommitMetadata(text: text, above: 0)?.owner == "o")
        }
    }
}
