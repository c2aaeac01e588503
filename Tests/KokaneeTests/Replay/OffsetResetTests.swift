import Testing

@testable import Kokanee

@Suite("The plan of an offset reset")
struct OffsetResetTests {
    typealias Log = OffsetReset.Log

    static let queue = try! Queue("q")

    static func plan(_ target: OffsetReset.Target, _ logs: [Int32: Log]) throws -> OffsetReset {
        try OffsetReset(target, of: queue, logs)
    }

    @Test(
        "a target is where Kafka's tool would put it, within what the log still has",
        arguments: [
            (.earliest, Log(low: 10, end: 50, old: 30), 10, nil),
            (.latest, Log(low: 10, end: 50, old: nil), 50, nil),
            (.offset(20), Log(low: 10, end: 50, old: 30), 20, nil),
            (.offset(50), Log(low: 10, end: 50, old: 30), 50, nil),
            (.offset(4), Log(low: 10, end: 50, old: 30), 10, .raisedToStart(lost: 6)),
            (.offset(51), Log(low: 10, end: 50, old: 30), 50, .loweredToEnd(by: 1)),
            (.shift(by: -5), Log(low: 10, end: 50, old: 30), 25, nil),
            (.shift(by: 15), Log(low: 10, end: 50, old: 30), 45, nil),
            (.shift(by: -25), Log(low: 10, end: 50, old: 30), 10, .raisedToStart(lost: 5)),
            (.shift(by: -99), Log(low: 10, end: 50, old: 30), 10, .raisedToStart(lost: 10)),
            (.shift(by: -99), Log(low: 0, end: 50, old: 30), 0, .raisedToStart(lost: 0)),
            (.shift(by: .max), Log(low: 10, end: 50, old: 30), 50, .loweredToEnd(by: .max - 50)),
            (.shift(by: .min), Log(low: 10, end: 50, old: 30), 10, .raisedToStart(lost: 10)),
            (.time(1), Log(low: 10, end: 50, old: 30, atTime: 17), 17, nil),
            (.exactly([0: 12]), Log(low: 10, end: 50, old: 30), 12, nil),
            (.exactly([0: nil]), Log(low: 10, end: 50, old: 30), nil, nil),
            // To the letter, so that an undo brings back what there was; a worker begins at the start.
            (.exactly([0: 4]), Log(low: 10, end: 50, old: 30), 4, .raisedToStart(lost: 6)),
            (.exactly([0: 99]), Log(low: 10, end: 50, old: 30), 50, .loweredToEnd(by: 49)),
            (.earliest, Log(low: 7, end: 7, old: nil), 7, nil),
        ] as [(OffsetReset.Target, Log, Int64?, OffsetReset.Clamping?)]
    )
    func targets(target: OffsetReset.Target, log: Log, new: Int64?, clamping: OffsetReset.Clamping?) throws {
        let partition = try #require(try Self.plan(target, [0: log]).partitions.first)
        #expect(partition.old == log.old)
        #expect(partition.new == new)
        #expect(partition.clamping == clamping)
    }

    @Test("what runs again and what is skipped is counted, with what was finished beyond the old offset")
    func consequences() throws {
        let map = CompletionMap(runs: [32..<34, 40..<41])
        let cases: [(OffsetReset.Target, Log, again: Int64, skipped: Int64)] = [
            (.offset(20), Log(low: 10, end: 50, old: 30), 10, 0),
            (.offset(20), Log(low: 10, end: 50, old: 30, completed: map), 13, 0),
            (.offset(40), Log(low: 10, end: 50, old: 30, completed: map), 1, 8),
            (.latest, Log(low: 10, end: 50, old: nil), 0, 40),
            (.earliest, Log(low: 10, end: 50, old: nil), 0, 0),
            // Retention had passed the old offset already.
            (.offset(20), Log(low: 10, end: 50, old: 3), 0, 10),
            (.exactly([0: nil]), Log(low: 10, end: 50, old: 30), 20, 0),
        ]
        for (target, log, again, skipped) in cases {
            let plan = try Self.plan(target, [0: log])
            #expect(plan.runsAgain == again, "\(target)")
            #expect(plan.skipped == skipped, "\(target)")
        }
    }

    @Test("a shift needs an offset in every partition")
    func shiftFromNothing() {
        let logs = [0: Log(low: 0, end: 5, old: nil), 1: Log(low: 0, end: 5, old: 3), 2: Log(low: 0, end: 5, old: nil)]
        let error = #expect(throws: ResetError.self) {
            try Self.plan(.shift(by: -1), Dictionary(uniqueKeysWithValues: logs.map { (Int32($0), $1) }))
        }
        #expect(error?.message.contains("no offset in partitions 0,2;") == true, "\(error?.message ?? "")")
    }

    @Test("offsets for a list of partitions leave the others alone, and unknown partitions are refused")
    func exactly() throws {
        let logs: [Int32: Log] = [0: Log(low: 0, end: 9, old: 1), 1: Log(low: 0, end: 9, old: 2)]
        #expect(try Self.plan(.exactly([1: 5]), logs).partitions.map(\.partition) == [1])
        #expect(throws: InputError.self) { try Self.plan(.exactly([2: 5]), logs) }
    }

    @Test("the undo of any plan brings back the old offsets")
    func undo() throws {
        let logs: [Int32: Log] = [
            0: Log(low: 10, end: 50, old: 3), 1: Log(low: 0, end: 9, old: nil), 2: Log(low: 0, end: 9, old: 9),
        ]
        for target in [OffsetReset.Target.earliest, .latest, .offset(4)] {
            let plan = try Self.plan(target, logs)
            var after = logs
            for partition in plan.partitions {
                let log = try #require(logs[partition.partition])
                after[partition.partition] = Log(low: log.low, end: log.end, old: partition.new)
            }
            #expect(try Self.plan(plan.undo, after).partitions.map(\.new) == [3, nil, 9])
        }
    }

    @Test("nothing changes only where no offset and no metadata does")
    func changesNothing() throws {
        #expect(try Self.plan(.latest, [0: Log(low: 0, end: 9, old: 9)]).changesNothing)
        #expect(try !Self.plan(.latest, [0: Log(low: 0, end: 9, old: 9, hadMetadata: true)]).changesNothing)
        #expect(try !Self.plan(.latest, [0: Log(low: 0, end: 9, old: nil)]).changesNothing)
    }

    @Test(
        "lists of offsets are read back as they are written",
        arguments: ["0=12", "0-3=none", "0=1,1-2=0,3=none,7=9223372036854775807", "999999=0"]
    )
    func lists(text: String) throws {
        #expect(PartitionRanges.text(try PartitionRanges.parse(text)) == text)
    }

    @Test(
        "lists that are no lists are refused",
        arguments: [
            "", "0", "0=", "=1", "0=-1", "a=1", "0=1,", "0=1,0=2", "0-2=1,1=1", "3-1=1", "0-1-2=1", "-1=1",
            "0-2147483647=1", "0=9223372036854775808", "0=Nothing", " 0=1",
        ]
    )
    func badLists(text: String) {
        #expect(throws: InputError.self) { try PartitionRanges.parse(text) }
    }
}
