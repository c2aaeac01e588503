import RdKafka

@testable import Kokanee

extension FuzzTarget {
    /// Eight bytes of committed offset, then the map's.
    static let completionMap = FuzzTarget(name: "completion-map") { input in
        let committed = input.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) } & (.max >> 2)
        guard let map = CompletionMap(decoding: Array(input.dropFirst(8)), above: committed) else { return }
        var end = committed
        for (index, run) in map.runs.enumerated() {
            try require(!run.isEmpty && run.lowerBound >= end, "runs are disjoint and rise")
            try require(index == 0 || run.lowerBound > end, "no two runs are adjacent")
            try require(map.contains(run.lowerBound) && map.contains(run.upperBound - 1), "a map has its runs' ends")
            try require(!map.contains(run.upperBound), "a map ends where its run does")
            end = run.upperBound
        }
        let encoded = map.encoded(above: committed, limit: .max)
        try requireEqual(CompletionMap(decoding: encoded, above: committed), map, "a map is read back")
        for limit in [0, 7, encoded.count / 2] {
            let cut = map.encoded(above: committed, limit: limit)
            try require(cut.count <= limit && encoded.starts(with: cut), "what is cut is a map's highest end")
            let rest = CompletionMap(decoding: cut, above: committed)
            try require(rest.map { map.runs.starts(with: $0.runs) } == true, "what is cut is a map still")
        }
        try checkTracker(map, committed)
    }

    /// A commit's metadata, as a broker gives it.
    static let commitMetadata = FuzzTarget(name: "commit-metadata") { input in
        let text = String(decoding: input, as: UTF8.self)
        guard let metadata = CommitMetadata(text: text, above: 1000) else { return }
        try require((0...Timestamp.latest).contains(metadata.movedAt), "a time of \(metadata.movedAt)")
        let written = metadata.text(above: 1000)
        try require(written.utf8.count <= CommitMetadata.defaultLimit, "metadata of \(written.utf8.count) bytes")
        try require(written.utf8.allSatisfy { 0x21...0x7E ~= $0 }, "metadata is printable")
        let again = CommitMetadata(text: written, above: 1000)
        try requireEqual(again?.movedAt, metadata.movedAt, "the time is read back")
        try require(
            again.map { metadata.completed.runs.starts(with: $0.completed.runs) } == true,
            "the map is read back, as far as it fits"
        )
        try requireEqual(again?.text(above: 1000), written, "what was written once is written so again")
        try checkTracker(metadata.completed, 1000)
    }

    /// A verdict on a dead letter: the value of a record in the state topic.
    static let verdict = FuzzTarget(name: "verdict") { input in
        _ = VerdictRecord.offset(key: Bytes(input), partition: 0)
        guard let verdict = VerdictRecord(value: Bytes(input)) else { return }
        try requireEqual(VerdictRecord(value: verdict.value), verdict, "a verdict is read back")
    }

    /// A map that somebody forged may make jobs be skipped, and nothing else.
    private static func checkTracker(_ map: CompletionMap, _ committed: Int64) throws {
        var tracker = CompletionTracker(committed: committed, restored: map)
        // A tracker keeps a bit beside each offset, and no log gets so far; a forged map may.
        let last = Int64(1) << 62
        var numbers: [Int] = []
        for offset in map.runs.prefix(4).flatMap({ [$0.lowerBound, $0.upperBound] }) where offset < last {
            if let position = tracker.position, offset < position { continue }
            switch tracker.admit(offset) {
            case .run(let number):
                try require(!map.contains(offset), "what is finished does not run")
                numbers.append(number)
            case .finishedBefore: try require(map.contains(offset), "what is not finished runs")
            case .regressed: throw Violation("offset \(offset) is no step back")
            }
        }
        let now = tracker.completionMap
        if let watermark = tracker.watermark {
            let encoded = now.encoded(above: watermark, limit: .max)
            try requireEqual(CompletionMap(decoding: encoded, above: watermark), now, "a tracker's map is read back")
        }
        for number in numbers.reversed() { tracker.finish(number) }
        try requireEqual(tracker.unfinished, 0, "all is finished")
        try require(tracker.gap == 0, "a finished partition has no gap")
    }
}
