import TestSupport
import Testing

@testable import Kokanee

@Suite("The order among ready jobs")
struct ReadyJobsTests {
    private static let second: Int64 = 1_000_000_000

    private func starts(_ ready: inout ReadyJobs<String>, _ count: Int) -> [String] {
        (0..<count).compactMap { _ in
            guard let first = ready.popFirst() else { return nil }
            ready.noteStart()
            return first
        }
    }

    @Test("with one class it is a queue")
    func one() {
        var ready = ReadyJobs<String>()
        let level = ready.level(of: 5)
        ready.append("b", at: level)
        ready.append("c", at: level)
        ready.prepend("a", at: level)
        #expect(!ready.hasClasses)
        #expect(ready.first == "a")
        #expect(starts(&ready, 5) == ["a", "b", "c"])
        #expect(ready.isEmpty)
    }

    @Test("what is taken out counts no more, in one class or several", arguments: [1, 3])
    func removal(classes: Int) {
        var ready = ReadyJobs<String>()
        let levels = [Priority.normal, .high, .low].prefix(classes).map { ready.level(of: 0, $0) }
        for level in levels {
            for element in ["a", "b", "c"] { ready.append(element, at: level, presses: element == "b") }
        }
        ready.removeAll { $0 != "c" }
        #expect(ready.count == classes && ready.counts.reduce(0, +) == classes)
        #expect(starts(&ready, 9) == Array(repeating: "c", count: classes))
        #expect(ready.isEmpty)
    }

    @Test("weights are kept to, and a low job that is ready starts after at most eleven others")
    func weights() {
        var ready = ReadyJobs<String>(policy: .weighted(high: 6, normal: 3, low: 1))
        let (normal, high, low) = (ready.level(of: 0), ready.level(of: 0, .high), ready.level(of: 0, .low))
        for _ in 0..<2000 {
            ready.append("h", at: high)
            ready.append("n", at: normal)
        }
        for _ in 0..<50 { ready.append("l", at: low) }
        let all = starts(&ready, 500)
        #expect(all.count { $0 == "h" } == 300)
        #expect(all.count { $0 == "n" } == 150)
        #expect(all.count { $0 == "l" } == 50)
        // One that comes late, whenever that is.
        for pause in 0..<40 {
            _ = starts(&ready, pause)
            ready.append("l", at: low)
            let others = starts(&ready, 12).firstIndex(of: "l")
            #expect((others ?? .max) <= 11)
        }
    }

    @Test("the bound holds for any weights, jobs that come and go, and starts that don't come about", arguments: 0..<50)
    func bound(seed: Int) {
        var dice = SystemRandomNumberGenerator()
        let weights = (0..<3).map { _ in Int.random(in: 1...9, using: &dice) }
        let policy = PriorityPolicy.weighted(high: weights[1], normal: weights[0], low: weights[2])
        var ready = ReadyJobs<Int>(policy: policy)
        let levels = [ready.level(of: 0), ready.level(of: 0, .high), ready.level(of: 0, .low)]
        var counts = [0, 0, 0]
        // Since a class has been ready without a start of its own: the starts of each other one.
        var passed = [[Int]](repeating: [0, 0, 0], count: 3)
        for _ in 0..<3000 {
            if Bool.random(using: &dice) {
                let index = Int.random(in: 0..<3, using: &dice)
                for _ in 0..<Int.random(in: 1...12, using: &dice) {
                    ready.append(index, at: levels[index])
                    counts[index] += 1
                }
                continue
            }
            guard let index = ready.popFirst() else { continue }
            counts[index] -= 1
            guard Int.random(in: 0..<5, using: &dice) > 0 else { continue }
            ready.noteStart()
            passed[index] = [0, 0, 0]
            for other in 0..<3 where other != index {
                guard counts[other] > 0 else {
                    passed[other] = [0, 0, 0]
                    continue
                }
                passed[other][index] += 1
                let most = (weights[index] + weights[other] - 1) / weights[other] + 1
                #expect(passed[other][index] <= most)
            }
        }
    }

    @Test("strictly, nothing lower starts before something higher")
    func strict() {
        var ready = ReadyJobs<String>(policy: .strict(starvationLimit: nil))
        let (normal, high, low) = (ready.level(of: 0), ready.level(of: 0, .high), ready.level(of: 0, .low))
        ready.append("l", at: low)
        ready.append("n", at: normal)
        ready.append("h1", at: high)
        ready.append("h2", at: high)
        ready.now = 3600 * Self.second
        #expect(starts(&ready, 2) == ["h1", "h2"])
        ready.append("h3", at: high)
        #expect(starts(&ready, 3) == ["h3", "n", "l"])
    }

    @Test("a low job that has waited for the limit starts next; of many that have, every tenth start is one")
    func ageing() {
        var ready = ReadyJobs<String>(policy: .strict(starvationLimit: .seconds(60)))
        let (high, low) = (ready.level(of: 0, .high), ready.level(of: 0, .low))
        for _ in 0..<1000 { ready.append("h", at: high) }
        for _ in 0..<20 { ready.append("l", at: low) }
        ready.now = 60 * Self.second - 1
        #expect(starts(&ready, 100).allSatisfy { $0 == "h" })
        ready.now = 60 * Self.second
        #expect(starts(&ready, 1) == ["l"])
        for _ in 0..<3 {
            #expect(starts(&ready, 10) == Array(repeating: "h", count: 9) + ["l"])
        }
    }

    @Test("queues share starts by their weights, and one that was idle has saved nothing up")
    func queues() {
        var ready = ReadyJobs<String>()
        let (first, second) = (ready.level(of: 0), ready.level(of: 1))
        ready.setWeight(3, of: 0)
        for _ in 0..<400 { ready.append("a", at: first) }
        _ = starts(&ready, 100)
        for _ in 0..<100 { ready.append("b", at: second) }
        let all = starts(&ready, 200)
        #expect(all.count { $0 == "b" } == 50)
        #expect(all.firstIndex(of: "b")! <= 4)
    }

    @Test("a job that is given back is its class's next, and has cost it no turn")
    func givenBack() {
        var ready = ReadyJobs<String>(policy: .weighted(high: 1, normal: 1, low: 1))
        let (normal, high) = (ready.level(of: 0), ready.level(of: 0, .high))
        for index in 0..<10 {
            ready.append("n\(index)", at: normal)
            ready.append("h\(index)", at: high)
        }
        for _ in 0..<20 {
            let job = ready.popFirst()!
            ready.noteStart()
            let level = job.hasPrefix("h") ? high : normal
            ready.noteGivenBack(at: level)
            ready.prepend(job, at: level)
            #expect(ready.first == job)
        }
    }

    /// The order in which jobs of these keys, numbered from 0, start, each of which ends before the next one begins.
    private func starts(of keys: [UInt64], concurrency: Int = 0) -> [Int] {
        var scheduler = Scheduler<Int>(limits: .init(jobs: 1000, bytes: 1 << 20, gap: 1000, concurrency: concurrency))
        scheduler.assign(0, queue: 0, number: 0, committed: 0, restored: CompletionMap(), movedAt: 0)
        for (offset, key) in keys.enumerated() {
            _ = scheduler.admit(0, offset: Int64(offset), .init(bytes: 1, key: key, start: .now), offset)
        }
        var started: [Int] = []
        while let job = scheduler.take() {
            started.append(job.content)
            #expect(scheduler.conclude(job.ticket, hops: false, now: 0) == .accepted)
        }
        return started
    }

    /// Of so many jobs the first `busy` have one key, and each other one its own.
    private static func keys(_ busy: Int, of count: Int) -> [UInt64] { (0..<count).map { UInt64(max($0, busy - 1)) } }

    @Test("keys take turns: however many jobs one has, those of others that came after them are next")
    func turns() {
        #expect(starts(of: Self.keys(38, of: 40)) == [0, 38, 39] + Array(1..<38))
    }

    @Test("a key whose jobs take longest, one after the other, gets every other start, and no more")
    func pressing() {
        let inTurn: [Int] = (0..<20).flatMap { [1 + $0, 60 + $0] }
        let expected: [Int] = [0] + inTurn + Array(21..<60)
        #expect(starts(of: Self.keys(60, of: 80), concurrency: 2) == expected)
    }

    @Test("where all are done as soon by one at a time, no key presses")
    func oneAtATime() {
        #expect(starts(of: Self.keys(8, of: 10), concurrency: 1) == [0, 8, 9] + Array(1..<8))
    }

    @Test(
        "of a class, none waits for more than twice those that were ready before it",
        arguments: 0..<100 as Range<UInt64>
    )
    func queue(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = ReadyQueue<(number: Int, presses: Bool, ahead: Int)>()
        var (model, waits) = ([[Int](), [Int]()], [Int: Int]())
        for number in 0..<500 {
            let presses = Int.random(in: 0..<3, using: &random) == 0
            queue.append((number, presses, model[presses ? 1 : 0].count), presses: presses)
            model[presses ? 1 : 0].append(number)
            waits[number] = 0
            while Bool.random(using: &random), let job = queue.popFirst() {
                #expect(model[job.presses ? 1 : 0].removeFirst() == job.number, "of a kind they stand in their order")
                #expect(waits[job.number] ?? .max <= 2 * job.ahead + 1)
                for other in model.joined() { waits[other, default: 0] += 1 }
            }
            #expect(queue.count == model[0].count + model[1].count)
        }
        while let job = queue.popFirst() { #expect(model[job.presses ? 1 : 0].removeFirst() == job.number) }
        #expect(model[0].isEmpty && model[1].isEmpty)
    }
}
