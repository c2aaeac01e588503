import Testing

@testable import Kokanee

@Suite("ReplayRanges")
struct ReplayRangesTests {
    private static let noon: Int64 = 1_800_000_000_000

    /// The ranges as `partition: from..<to`, what was lost, and the notes.
    private func ranges(
        _ logs: [Int32: ReplayRanges.Log],
        now: Int64 = noon,
        _ change: (inout Selection) -> Void = { _ in }
    ) throws -> (ranges: [String], lost: Int64, notes: String) {
        var selection = Selection()
        change(&selection)
        let ranges = try ReplayRanges(selection, of: Queue("q"), logs, now: now)
        return (
            ranges.partitions.map { "\($0.partition): \($0.from)..<\($0.to)" },
            ranges.partitions.reduce(0) { $0 + $1.lostToRetention },
            ranges.notes.joined(separator: "\n")
        )
    }

    @Test("all of history is what is there, and what is not there any more is told")
    func all() throws {
        let plan = try ranges([0: .init(low: 0, end: 10, firstTime: 1), 1: .init(low: 4, end: 9, firstTime: 5)])
        #expect(plan.ranges == ["0: 0..<10", "1: 4..<9"])
        #expect(plan.lost == 4)
        #expect(
            plan.notes
                == "Retention has taken the first 4 records in partition 1: at most so many of them were of this range."
        )
    }

    @Test("offsets are kept within the log, and of those that were asked for the lost ones are counted")
    func offsets() throws {
        let logs: [Int32: ReplayRanges.Log] = [
            0: .init(low: 10, end: 20), 1: .init(low: 10, end: 20), 2: .init(low: 10, end: 20),
        ]
        let plan = try ranges(logs) {
            $0.stretches = [
                .init(partition: 0, from: 4, to: 15), .init(partition: 1, from: nil, to: 99),
                .init(partition: 1, from: 2, to: 5),
            ]
        }
        #expect(plan.ranges == ["0: 10..<15", "1: 10..<20"])
        #expect(plan.lost == 6 + 3)
        #expect(plan.notes == "Retention has taken 9 of the offsets that were asked for, in partitions 0-1.")
        #expect(try ranges(logs) { $0.stretches = [.init(partition: 2, from: 30, to: nil)] }.ranges == ["2: 20..<20"])
        #expect(try ranges(logs) { $0.stretches = [.init(partition: 2, from: 1, to: 5)] }.ranges == ["2: 10..<10"])
        #expect(try ranges(logs) { $0.partitions = [1] }.ranges == ["1: 10..<20"])
    }

    @Test("a range of time has lost nothing where the log begins before it")
    func times() throws {
        func log(low: Int64, first: Int64?) -> ReplayRanges.Log {
            .init(low: low, end: 50, firstTime: first, atFrom: max(low, 20), atTo: 30)
        }
        func plan(_ log: ReplayRanges.Log) throws -> (ranges: [String], lost: Int64, notes: String) {
            try ranges([0: log]) { ($0.from, $0.to) = (1000, 2000) }
        }
        #expect(try plan(log(low: 10, first: 1000)) == (["0: 20..<30"], 0, ""))
        #expect(try plan(log(low: 0, first: 1001)) == (["0: 20..<30"], 0, ""))
        #expect(try plan(log(low: 25, first: 1001)).lost == 25)
        #expect(try plan(log(low: 25, first: nil)).lost == 25)
        #expect(try plan(log(low: 40, first: 3000)).ranges == ["0: 40..<40"])
    }

    @Test("event times, and records without times, have no place in the log: it is taken whole")
    func noTimes() throws {
        let log = ReplayRanges.Log(low: 3, end: 50, firstTime: -1, atFrom: 50, atTo: 50)
        let undated = try ranges([0: log]) { $0.from = 1000 }
        #expect(undated.ranges == ["0: 3..<50"])
        #expect(undated.notes.contains("The records in partition 0 have no timestamps"))
        #expect(undated.lost == 3)
        let event = try ranges([0: .init(low: 3, end: 50, firstTime: 10)]) { ($0.from, $0.clock) = (1000, .event) }
        #expect(event.ranges == ["0: 3..<50"])
        #expect(event.notes.contains("taken whole"))
        #expect(event.lost == 3)
    }

    @Test("a range that is empty, in the future, or of a topic that has grown says so")
    func unusual() throws {
        let old = ReplayRanges.Log(low: 0, end: 50, firstTime: 10, atFrom: 50)
        let empty = try ranges([0: old]) { $0.from = 1000 }
        #expect(empty.ranges == ["0: 50..<50"])
        #expect(empty.notes == "The range holds no records: no record is from 1970-01-01T00:00:01.000Z or later.")
        #expect(try ranges([0: .init(low: 0, end: 0)]).notes == "The range holds no records.")

        let future = try ranges([0: old]) { $0.from = Self.noon + 1 }
        #expect(future.notes.contains("The range begins in the future") && future.notes.contains("holds no records."))
        let soon = try ranges([0: .init(low: 0, end: 50, firstTime: 10, atFrom: 4, atTo: 50)]) {
            ($0.from, $0.to) = (1000, Self.noon + 1)
        }
        #expect(soon.notes == "The range ends in the future: the plan ends with the records that are there now.")

        let young = ReplayRanges.Log(low: 0, end: 5, firstTime: 1001, atFrom: 0)
        let before = ReplayRanges.Log(low: 0, end: 50, firstTime: 999, atFrom: 40)
        let grown = try ranges([0: before, 1: young, 2: young, 3: .init(low: 0, end: 0)]) { $0.from = 1000 }
        #expect(grown.ranges == ["0: 40..<50", "1: 0..<5", "2: 0..<5", "3: 0..<0"])
        #expect(grown.notes.contains("was ever in partitions 1-2: the topic may have got more partitions since"))
        // A topic that is younger as a whole has not grown.
        #expect(try ranges([0: young, 1: young]) { $0.from = 1000 }.notes.isEmpty)
    }

    @Test(
        "what can mean nothing is refused, and says why",
        arguments: [
            ("not after its beginning", Selection(from: 5, to: 5)),
            ("not after its beginning", Selection(from: 5, to: 4)),
            ("no partition 7; it has 1", Selection(partitions: [0, 7])),
            ("no partition 3", Selection(stretches: [.init(partition: 3, from: 0, to: 1)])),
            ("are no range", Selection(stretches: [.init(partition: 0, from: 4, to: 4)])),
            ("are no range", Selection(stretches: [.init(partition: 0, from: -1, to: nil)])),
            ("are no range", Selection(stretches: [.init(partition: 0, from: nil, to: 0)])),
        ]
    )
    func refusals(words: String, selection: Selection) throws {
        let error = try #require(throws: InputError.self) {
            try ReplayRanges(selection, of: Queue("q"), [0: .init(low: 0, end: 9, firstTime: 1)], now: Self.noon)
        }
        #expect(error.message.contains(words), "\(error.message)")
    }
}

extension Selection {
    init(
        from: Int64? = nil,
        to: Int64? = nil,
        partitions: [Int32]? = nil,
        stretches: [Stretch]? = nil
    ) {
        self.init()
        (self.from, self.to, self.partitions, self.stretches) = (from, to, partitions, stretches)
    }
}
