@testable import Kokanee

extension FuzzTarget {
    static let duration = FuzzTarget(name: "duration") { input in
        guard let duration = try parsed(input, { try Duration(text: $0) }) else { return }
        try require(.zero...Duration.longestText ~= duration, "a duration of \(duration)")
        try requireEqual(try Duration(text: duration.text), duration, "a duration is read back")
        let milliseconds = duration.milliseconds
        try require(.milliseconds(milliseconds) <= duration, "milliseconds are rounded down")
        try require(.milliseconds(milliseconds + 1) > duration, "milliseconds are rounded by less than one")
    }

    static let ladder = FuzzTarget(name: "ladder") { input in
        guard let ladder = try parsed(input, { try Ladder(text: $0) }) else { return }
        try requireEqual(try Ladder(text: ladder.description), ladder, "a ladder is read back")
        try require((1...Ladder.maximumCount).contains(ladder.rungs.count), "\(ladder.rungs.count) rungs")
        for rung in ladder.rungs {
            try requireEqual(ladder.step(remaining: rung.milliseconds), .rung(rung, exact: true), "a rung is its own")
        }
        try requireEqual(ladder.step(remaining: ladder.rungs[0].milliseconds - 1), .hold, "a short wait is held")
        guard case .rung(ladder.rungs[ladder.rungs.count - 1], _) = ladder.step(remaining: .max) else {
            throw Violation("the longest wait is on the last rung")
        }
    }

    static let time = FuzzTarget(name: "time") { input in
        let now: Int64 = 1_800_000_000_000
        guard let time = try parsed(input, { try Timestamp.parse($0, now: now) }) else { return }
        try require(0...Timestamp.latest ~= time, "a time of \(time)")
        try requireEqual(try Timestamp.parse(Timestamp.text(time), now: now), time, "a time is read back")
        try requireEqual(Timestamp.text(time), oracleText(time), "a time is what the C library says")
    }

    static let partitionRanges = FuzzTarget(name: "partition-ranges") { input in
        // A few bytes may name a million partitions, which is what the bound is for, and slow enough.
        let numbers = input.split { !(0x30...0x39 ~= $0) }.map(\.count)
        guard numbers.allSatisfy({ $0 < 5 || $0 > 6 }) else { return }
        guard let offsets = try parsed(input, { try PartitionRanges.parse($0) }) else { return }
        try require(offsets.allSatisfy { 0..<1_000_000 ~= $0.key && $0.value ?? 0 >= 0 }, "offsets are in their bounds")
        try requireEqual(try PartitionRanges.parse(PartitionRanges.text(offsets)), offsets, "offsets are read back")
        _ = PartitionRanges.text(offsets.keys.sorted())
    }

    /// What `parse` makes of the input; nil where it refuses it in a few words.
    private static func parsed<Value>(_ input: [UInt8], _ parse: (String) throws -> Value) throws -> Value? {
        do {
            return try parse(String(decoding: input, as: UTF8.self))
        } catch let error as InputError {
            try require(error.description.utf8.count < 1024, "an error is a few words")
            return nil
        }
    }
}
