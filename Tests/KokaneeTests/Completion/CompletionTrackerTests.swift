import TestSupport
import Testing

@testable import Kokanee

@Suite("The completion tracker")
struct CompletionTrackerTests {
    /// The same by the definition: sets of offsets, everything looked up.
    private struct Model {
        var position: Int64?
        var unfinished: Set<Int64> = []
        /// Those among what the map said that the log turns out to skip are no records, and nobody misses them.
        var finished: Set<Int64>

        var watermark: Int64? { unfinished.min() ?? position }
    }

    @Test("it agrees with a model of sets through random histories", arguments: 0..<400 as Range<UInt64>)
    func histories(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let committed: Int64? = seed % 5 == 0 ? nil : 100
        let restored = Set((0..<60).filter { _ in seed % 2 == 0 && Int.random(in: 0..<3, using: &random) == 0 })
        let runs = restored.sorted().map { Int64(102 + $0)..<Int64(103 + $0) }
        var tracker = CompletionTracker(committed: committed, restored: CompletionMap(runs: runs))
        var model = Model(position: committed, finished: Set(runs.map(\.lowerBound)))
        var names: [Int64: Int] = [:]
        var end: Int64 = committed ?? 90
        for _ in 0..<150 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let offset = end + (Int.random(in: 0..<4, using: &random) == 0 ? 3 : 0)
                model.finished.subtract(end..<offset)
                end = offset + 1
                model.position = end
                switch tracker.admit(offset) {
                case .run(let name):
                    #expect(!model.finished.contains(offset))
                    names[offset] = name
                    model.unfinished.insert(offset)
                case .finishedBefore: #expect(model.finished.contains(offset))
                case .regressed: Issue.record("\(offset) taken for a step back")
                }
            case 5..<9:
                guard let offset = model.unfinished.sorted().randomElement(using: &random) else { continue }
                let name = try #require(names[offset])
                tracker.finish(name)
                if Bool.random(using: &random) { tracker.finish(name) }
                model.unfinished.remove(offset)
                model.finished.insert(offset)
            default:
                let skipped = Int64.random(in: 0...2, using: &random)
                model.finished.subtract(end..<end + skipped)
                end += skipped
                tracker.reachEnd(end)
                model.position = end
            }
            #expect(tracker.watermark == model.watermark)
            #expect(tracker.unfinished == model.unfinished.count)
            #expect(tracker.position == model.position)
            guard let watermark = model.watermark else { continue }
            let map = tracker.completionMap
            for offset in model.finished where offset > watermark {
                #expect(map.contains(offset), "\(offset) is finished beyond \(watermark), and the map lacks it")
            }
            for offset in model.unfinished { #expect(!map.contains(offset)) }
        }
    }

    @Test("an offset below what was read is a step back, and changes nothing")
    func stepBack() {
        var tracker = CompletionTracker(committed: 10)
        let admissions = [tracker.admit(10), tracker.admit(10), tracker.admit(3)]
        #expect(admissions == [.run(0), .regressed, .regressed])
        #expect(tracker.watermark == 10)
        #expect(tracker.position == 11)
    }

    @Test("an end below the position does not take it back")
    func endBelow() {
        var tracker = CompletionTracker(committed: 10)
        tracker.reachEnd(4)
        #expect(tracker.watermark == 10)
    }
}
