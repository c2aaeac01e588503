import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("How a rehearsal samples, groups and counts")
struct RehearsalPartsTests {
    // MARK: - Samples

    private func chosen(_ limit: Int, of places: some Sequence<(Int32, Int64)>) -> [Int32: OffsetSet] {
        var sample = RehearsalSample(limit: limit)
        for (partition, offset) in places { sample.consider(partition, offset) }
        return sample.offsets()
    }

    private func range(_ partitions: Int32, _ offsets: Int64) -> [(Int32, Int64)] {
        (0..<partitions).flatMap { partition in (0..<offsets).map { (partition, $0) } }
    }

    @Test("a sample has exactly the number asked for, or all, and is the same whatever the order of reading")
    func exact() {
        let places = range(4, 5000)
        let once = chosen(1000, of: places)
        #expect(once.values.reduce(0) { $0 + $1.count } == 1000)
        #expect(chosen(1000, of: places.reversed()) == once)
        #expect(chosen(50_000, of: places).values.reduce(0) { $0 + $1.count } == 20_000)
        #expect(chosen(0, of: places).isEmpty)
    }

    @Test("a larger sample holds the smaller one")
    func nested() {
        let places = range(3, 4000)
        let (small, large) = (chosen(100, of: places), chosen(900, of: places))
        for (partition, offsets) in small {
            var rest = offsets
            rest.subtract(large[partition] ?? OffsetSet())
            #expect(rest.isEmpty)
        }
    }

    @Test(
        "a sample lies evenly over the partitions and over each one's range, also where only some offsets are selected"
    )
    func even() {
        // Every eighth offset: a poor hash of them would show.
        let places = range(8, 80_000).filter { $0.1 % 8 == 3 }
        let sample = chosen(8000, of: places)
        for partition in Int32(0)..<8 {
            for tenth in Int64(0)..<10 {
                let count = sample[partition]?.count(in: tenth * 8000..<(tenth + 1) * 8000) ?? 0
                // 100 are expected; with a fair hash less than one in 10^9 such stretches is this far off.
                #expect((40...160).contains(count), "partition \(partition), tenth \(tenth): \(count)")
            }
        }
    }

    // MARK: - Errors

    @Test(
        "errors that differ in numbers and ids are one pattern",
        arguments: [
            ("Timeout: ran over 1.5s", "Timeout: ran over #"),
            ("NotFound: order 17 of customer 4711", "NotFound: order # of customer #"),
            ("NotFound: order17", "NotFound: order#"),
            ("E: user 550e8400-e29b-41d4-a716-446655440000 is gone", "E: user # is gone"),
            ("E: a716ffeeb0 and deadbeef01", "E: # and #"), ("E: x9f8e7d6c", "E: #"),
            ("E: at 2026-11-25T21:44:00.123Z from 10.0.0.17:8080", "E: at # from #"),
            ("E: base64 of utf8", "E: base# of utf#"), ("E: no number", "E: no number"), ("", ""),
            ("E: j-abc-def failed", "E: # failed"), ("E: j-abc-defg failed", "E: j-abc-defg failed"),
            ("E: møte 9 🐟 7", "E: møte # 🐟 #"), ("#1 #2", "## ##"),
        ]
    )
    func pattern(text: String, expected: String) {
        #expect(ErrorPattern.of(text, id: "j-abc-def") == expected)
    }

    @Test("errors that say something else stay apart, and a short id takes no letters out of words")
    func apart() {
        #expect(ErrorPattern.of("E: card refused", id: "a") == "E: card refused")
        #expect(ErrorPattern.of("E: timeout", id: "") != ErrorPattern.of("F: timeout", id: ""))
    }

    // MARK: - Durations

    @Test("quantiles are right within 3 %, over many orders of magnitude")
    func quantiles() {
        var histogram = DurationHistogram()
        #expect(histogram.quantile(0.5) == 0)
        for exponent in 0..<9 {
            for step in 1...100 { histogram.note(step * Int(pow10(exponent))) }
        }
        let all = (0..<9).flatMap { exponent in (1...100).map { $0 * Int(pow10(exponent)) } }.sorted()
        for share in [0.01, 0.1, 0.5, 0.9, 0.99, 1] {
            let exact = Double(all[max(0, Int((Double(all.count) * share).rounded(.up)) - 1)])
            #expect(abs(Double(histogram.quantile(share)) - exact) <= exact * 0.03)
        }
        histogram.note(-5)
        histogram.note(.max)
        #expect(histogram.longest == .max)
        #expect(histogram.quantile(1) > .max / 2)
    }

    private func pow10(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { value, _ in value * 10 } }

    // MARK: - What was before

    @Test("a job that was completed in the end was fine, failed before or not; without a mark nothing is known")
    func past() {
        let past = Rehearsal.past(
            completed: [0: OffsetSet([1, 2])],
            failed: [0: OffsetSet([2, 3]), 1: OffsetSet([1])]
        )
        #expect((0..<4).map { past(0, $0) } == [.unknown, .completed, .completed, .failed])
        #expect((0..<3).map { past(1, $0) } == [.unknown, .failed, .unknown])
        #expect(past(2, 1) == .unknown)
    }

    // MARK: - What may run

    private func job(_ offset: Int64, key: Bytes?, size: Int = 0, before: Rehearsal.Before = .unknown) -> RehearsalJob {
        RehearsalJob(
            envelope: Envelope(id: "job-\(offset)", type: "t"),
            payload: "",
            key: key,
            place: Envelope.Origin(topic: "q", partition: 0, offset: offset),
            course: .refuse(.unknownType, Envelope.Failure(type: "T", message: "", at: 0)),
            before: before,
            size: size
        )
    }

    @Test("jobs of one key run one at a time, in their order; others beside them")
    func lanes() {
        var state = RehearsalState(.init(jobs: 100), order: .key)
        for (offset, key) in ["a", "a", nil, "b", "a"].enumerated() {
            state.admit(job(Int64(offset), key: key.map { Bytes($0) }))
        }
        let first = [state.next(), state.next(), state.next()]
        #expect(first.map { $0?.job.place.offset } == [0, 2, 3])
        #expect(state.next() == nil)
        state.finish(first[0]?.place ?? 0)
        let second = state.next()
        #expect(second?.job.place.offset == 1)
        state.finish(second?.place ?? 0)
        #expect(state.next()?.job.place.offset == 4)
        #expect(!state.hasReady)
    }

    @Test("no more is held than the bounds let, in jobs or in bytes, but one job at least")
    func bounds() {
        var state = RehearsalState(.init(jobs: 3, bytes: 1000), order: .unordered)
        state.admit(job(0, key: nil, size: 5000))
        #expect(state.isFull)
        state.finish(state.next()?.place ?? 0)
        #expect(!state.isFull)
        for offset in Int64(1)...3 { state.admit(job(offset, key: "k", size: 10)) }
        #expect(state.isFull)
        #expect([state.next(), state.next(), state.next()].allSatisfy { $0 != nil })
    }

    // MARK: - The tally

    @Test("what a tally says does not depend on the order of the ends, and what it keeps is bounded")
    func tally() {
        var entries: [RehearsalTally.Entry] = []
        for offset in Int64(0)..<2000 {
            let before = Rehearsal.Before.allCases[Int(offset % 3)]
            let failure = Envelope.Failure(
                type: "E\(String(repeating: "x", count: Int(offset % 400)))",
                message: "",
                at: 0
            )
            let effects = EffectLog()
            effects.note(Effect("e", "of \(offset)"))
            let end: RehearsalEnd = offset % 2 == 0 ? .failed(failure) : .succeeded
            entries.append(.init(job(offset, key: nil, before: before), end, duration: 1000, effects: effects))
        }
        func summary(_ entries: [RehearsalTally.Entry]) -> (RehearsalTally, [RehearsalReport.ErrorGroup]) {
            var tally = RehearsalTally()
            for entry in entries { tally.note(entry) }
            return (tally, tally.errorGroups.groups)
        }
        var generator = SeededGenerator(seed: 5)
        let (tally, groups) = summary(entries)
        #expect(tally.errorGroups.others > 0 || groups.count <= RehearsalTally.mostGroups)
        #expect(groups.reduce(0) { $0 + $1.count } + tally.errorGroups.others == 1000)
        #expect(groups.allSatisfy { $0.examples.count <= RehearsalTally.mostExamples })
        #expect(tally.effectGroups.map(\.count) == [2000])
        #expect(tally.effectGroups[0].examples.map(\.message) == (0..<5).map { "of \($0)" })
        let few = Array(entries.prefix(400))
        let (other, otherGroups) = summary(few.shuffled(using: &generator))
        #expect(otherGroups == summary(few).1)
        #expect(other.effectGroups == summary(few).0.effectGroups)
    }
}
