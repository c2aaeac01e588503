import TestSupport
import Testing

@testable import Kokanee

@Suite("Lanes and the small structures under the scheduler")
struct LanesTests {
    @Test("thousands of lanes come and go, and each is found", arguments: 0..<5 as Range<UInt64>)
    func manyLanes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lanes = Lanes()
        var held: [Lanes.ID: Int] = [:]
        for job in 0..<20_000 {
            // Keys that differ in their upper bits only, as hashes may, stand beside each other in the table.
            let key = UInt64.random(in: 0..<3000, using: &random) << (seed * 12)
            let id = Lanes.ID(queue: 0, partition: Int32(job % 7), key: key)
            if let holder = held.removeValue(forKey: id) {
                #expect(lanes.holder(of: id) == holder && lanes.finish(holder) == nil)
            } else {
                #expect(lanes.holder(of: id) == nil && enter(job, id, &lanes))
                held[id] = job
            }
            #expect(lanes.count == held.count)
        }
        for (id, job) in held { #expect(lanes.holder(of: id) == job && lanes.finish(job) == nil) }
        #expect(lanes.count == 0)
    }

    @Test("lanes agree with a model of arrays through random histories", arguments: 0..<200 as Range<UInt64>)
    func lanes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lanes = Lanes()
        var model: [Lanes.ID: [Int]] = [:]
        var free = Set(0..<30)
        for _ in 0..<300 {
            let key = UInt64.random(in: 0..<3, using: &random)
            let id = Lanes.ID(queue: 0, partition: .random(in: 0..<2, using: &random), key: key)
            let queued = model[id] ?? []
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                guard let job = free.sorted().randomElement(using: &random) else { continue }
                free.remove(job)
                let mayRun = enter(job, id, &lanes)
                #expect(mayRun == queued.isEmpty)
                model[id] = queued + [job]
            case 5:
                // One that is not the first has ended.
                guard let job = queued.dropFirst().randomElement(using: &random) else { continue }
                let next = lanes.finish(job)
                #expect(next == nil)
                free.insert(job)
                model[id] = queued.filter { $0 != job }
            case 6..<9:
                guard let holder = queued.first else { continue }
                let rest = Array(queued.dropFirst())
                let next = lanes.finish(holder)
                #expect(next?.job == rest.first && (next?.behind ?? -1) == rest.count - 1)
                free.insert(holder)
                model[id] = rest.isEmpty ? nil : rest
            default:
                guard let holder = queued.first else { continue }
                let leaving = Set(queued.dropFirst().filter { _ in Bool.random(using: &random) })
                lanes.removeWaiting(in: id) { leaving.contains($0) }
                free.formUnion(leaving)
                model[id] = [holder] + queued.dropFirst().filter { !leaving.contains($0) }
            }
            #expect(lanes.count == model.count)
        }
    }

    @Test("who does not hold a lane can't pass it on, and leaves it if it is in it")
    func strangers() {
        var lanes = Lanes()
        let id = Lanes.ID(queue: 0, partition: 0, key: 1)
        let entries = [enter(1, id, &lanes), enter(2, id, &lanes), enter(3, id, &lanes)]
        #expect(entries == [true, false, false])
        lanes.setLane(of: 4, id)
        let strangers = [lanes.finish(2)?.job, lanes.finish(4)?.job, lanes.finish(5)?.job]
        #expect(strangers == [nil, nil, nil])
        let next = lanes.finish(1)
        #expect(next?.job == 3 && next?.behind == 0)
    }

    @Test("so many keys at once that some agree in half of their hashes are each a lane of their own")
    func halfHashes() {
        // Of so many about ten pairs share 32 bits.
        var random = SeededGenerator(seed: 1)
        var lanes = Lanes()
        let ids = (0..<300_000).map { _ in
            Lanes.ID(queue: 0, partition: 0, key: .random(in: 0...(.max), using: &random))
        }
        let shared = ids.enumerated().count { !enter($0.offset, $0.element, &lanes) }
        #expect(shared == 0 && lanes.count == ids.count)
        let lost = ids.enumerated().count { lanes.holder(of: $0.element) != $0.offset }
        #expect(lost == 0)
        for job in ids.indices { _ = lanes.finish(job) }
        #expect(lanes.count == 0)
    }

    private func enter(_ job: Int, _ id: Lanes.ID, _ lanes: inout Lanes) -> Bool {
        lanes.setLane(of: job, id)
        return lanes.enter(job)
    }

    @Test("a heap gives its elements in their order", arguments: 0..<50 as Range<UInt64>)
    func heap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var heap = Heap<Int>()
        var model: [Int] = []
        for _ in 0..<200 {
            if model.isEmpty || Int.random(in: 0..<3, using: &random) > 0 {
                let element = Int.random(in: 0..<50, using: &random)
                heap.insert(element)
                model.append(element)
                model.sort()
            } else {
                #expect(heap.first == model.first)
                model.removeFirst()
                heap.removeFirst()
            }
            #expect(heap.count == model.count)
            #expect(heap.first == model.first)
        }
    }

    @Test("a FIFO agrees with an array", arguments: 0..<50 as Range<UInt64>)
    func fifo(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var fifo = Fifo<Int>()
        var model: [Int] = []
        for step in 0..<500 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<10:
                fifo.append(step)
                model.append(step)
            case 10..<18:
                let popped = fifo.popFirst()
                #expect(popped == model.first)
                model = Array(model.dropFirst())
            case 18:
                fifo.removeAll { $0 % 3 == 0 }
                model.removeAll { $0 % 3 == 0 }
            default:
                guard let index = model.indices.randomElement(using: &random) else { continue }
                fifo[index] += 1
                model[index] += 1
            }
            #expect((0..<fifo.count).map { fifo[$0] } == model)
            #expect(fifo.first == model.first && fifo.last == model.last && fifo.isEmpty == model.isEmpty)
        }
    }
}
