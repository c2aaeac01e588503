import Testing

@testable import KokaneeBench

struct MeasurementTests {
    private func measurement(_ rounds: (Double, Double?)...) -> Measurement {
        Measurement(rounds.map { .init(value: $0.0, baseline: $0.1) })
    }

    @Test("the median counts, and of an even number the middle two")
    func median() {
        #expect(Measurement.median([3]) == 3)
        #expect(Measurement.median([9, 1, 5]) == 5)
        #expect(Measurement.median([4, 1, 3, 2]) == 2.5)
    }

    @Test("the ratio is the median of the rounds' ratios, not the ratio of the medians")
    func ratio() {
        let measured = measurement((100, 200), (300, 300), (50, 200))
        #expect(measured.value == 100)
        #expect(measured.baseline == 200)
        #expect(measured.ratio == 0.5)
        #expect(measured.spread == (1 - 0.25) / 0.5)
    }

    @Test("the excess is taken round by round")
    func excess() {
        let measured = measurement((5, 4), (9, 4), (21, 20))
        #expect(measured.excess == 1)
        #expect(measured.meets(.excessAtMost(1)))
        #expect(!measured.meets(.excessAtMost(0.9)))
    }

    @Test("a row without a baseline has a spread of its values, and no ratio")
    func alone() {
        let measured = measurement((100, nil), (110, nil), (120, nil))
        #expect(measured.ratio == nil)
        #expect(measured.baseline == nil)
        #expect(measured.spread == 20.0 / 110)
        #expect(measured.meets(.atMost(110)))
        #expect(!measured.meets(.atMost(109)))
        #expect(!measured.meets(.ratioAtLeast(0)))
    }

    @Test("where all is nought there is no spread")
    func nought() {
        #expect(measurement((0, nil), (0, nil)).spread == 0)
        #expect(measurement((1, 0)).ratio == nil)
    }

    @Test("a target is met from its bound on")
    func targets() {
        let measured = measurement((90, 100))
        #expect(measured.meets(.ratioAtLeast(0.9)))
        #expect(!measured.meets(.ratioAtLeast(0.91)))
        #expect(measured.meets(.ratioAtMost(0.9)))
        #expect(!measured.meets(.ratioAtMost(0.89)))
    }

    @Test("targets say what they are")
    func words() {
        #expect(Target.ratioAtLeast(0.9).text(unit: "jobs/s") == "ratio >= 0.90")
        #expect(Target.ratioAtMost(1.15).text(unit: "us/job") == "ratio <= 1.15")
        #expect(Target.excessAtMost(2).text(unit: "ms") == "excess <= 2 ms")
        #expect(Target.atMost(120).text(unit: "MB") == "<= 120 MB")
    }
}

struct GrowthTests {
    @Test("the worst growth is from the least cost so far, also where the first point was dear")
    func worst() {
        let round = Growth.worst([10, 2, 3, 2.5])
        #expect(round.value == 3)
        #expect(round.baseline == 2)
    }

    @Test("a cost that only falls shows a growth below one")
    func falling() {
        let round = Growth.worst([4, 2, 1])
        #expect(round.value / round.baseline! == 0.5)
    }
}

struct IdealScheduleTests {
    @Test("distinct keys fill all slots")
    func distinct() {
        let ends = IdealSchedule.ends(keys: Array(0..<10), slots: 4)
        #expect(ends == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3])
        #expect(IdealSchedule(keys: Array(0..<4000), slots: 100).rate(duration: 0.001) > 99_000)
    }

    @Test("jobs of one key run one after another, however many slots there are")
    func oneKey() {
        #expect(IdealSchedule.ends(keys: [7, 7, 7], slots: 100) == [1, 2, 3])
        let rate = IdealSchedule(keys: Array(repeating: 1, count: 1000), slots: 100).rate(duration: 0.01)
        #expect(abs(rate - 100) < 1e-6)
    }

    @Test("a slot takes a later job where an earlier one's key is busy")
    func overtaking() {
        #expect(IdealSchedule.ends(keys: [1, 1, 1, 2, 3], slots: 2) == [1, 2, 3, 1, 2])
    }

    @Test("keys keep the log's order")
    func order() {
        let keys = KeySequence(text: "zipf:100")!.keys(count: 5000)
        let ends = IdealSchedule.ends(keys: keys, slots: 16)
        var last: [UInt32: Int] = [:]
        var wrong = 0
        for (key, end) in zip(keys, ends) {
            if end <= last[key] ?? 0 { wrong += 1 }
            last[key] = end
        }
        #expect(wrong == 0)
        let perStep = Dictionary(grouping: ends) { $0 }.mapValues(\.count)
        #expect(perStep.values.allSatisfy { $0 <= 16 })
    }

    @Test("jobs that run at the same time are counted on average")
    func parallelism() {
        #expect(IdealSchedule(keys: Array(0..<1000), slots: 100).parallelism == 100)
        #expect(IdealSchedule(keys: Array(repeating: 1, count: 50), slots: 100).parallelism == 1)
        #expect(IdealSchedule(keys: KeySequence(text: "zipf:10000")!.keys(count: 20_000), slots: 1000).parallelism < 20)
    }

    @Test("one job has a rate")
    func single() {
        #expect(IdealSchedule(keys: [1], slots: 10).rate(duration: 0.5) == 2)
        #expect(IdealSchedule(keys: [1, 2], slots: 10).rate(duration: 0.5) > 0)
    }

    @Test("the heap gives numbers back in order")
    func heap() {
        var heap = IntegerHeap([3, 5, 9])
        for number in [4, 1, 10, 7, 2] { heap.insert(number) }
        var numbers: [Int] = []
        while let number = heap.popFirst() { numbers.append(number) }
        #expect(numbers == [1, 2, 3, 4, 5, 7, 9, 10])
    }
}
