import Foundation
import TestSupport

/// What handlers wrote down of the attempts that they ran, in a file that all of them append to.
struct Ledger: Sendable {
    struct Entry: Decodable, Sendable {
        enum Event: String, Decodable { case start, end }

        let event: Event
        /// Nanoseconds of the machine's monotonic clock: ``Ledger/monotonicNow``.
        let at: Int64
        /// Milliseconds since the epoch.
        let wall: Int64
        let pid: Int32
        let id: String
        let type: String
        let attempt: Int
        let key: String?
    }

    /// One attempt, from its start to its end; nil is an end that never came.
    struct Run: Sendable {
        let start: Entry
        let end: Entry?
    }

    let file: URL

    /// Its entries in the order of writing.
    func entries() throws -> [Entry] {
        guard let data = try? Data(contentsOf: file) else { return [] }
        let decoder = JSONDecoder()
        return try data.split(separator: UInt8(ascii: "\n")).map { try decoder.decode(Entry.self, from: $0) }
    }

    /// The attempts, in the order of their starts.
    func runs() throws -> [Run] {
        var runs: [Run] = []
        // A process runs one job at a time: an end belongs to the last start of its process.
        var open: [Int32: Int] = [:]
        for entry in try entries() {
            switch entry.event {
            case .start:
                open[entry.pid] = runs.count
                runs.append(Run(start: entry, end: nil))
            case .end:
                guard let index = open.removeValue(forKey: entry.pid), runs[index].start.id == entry.id else {
                    throw StandError("an end without a start: \(entry)")
                }
                runs[index] = Run(start: runs[index].start, end: entry)
            }
        }
        return runs
    }

    /// The number of its lines.
    var count: Int {
        ((try? Data(contentsOf: file)) ?? Data()).reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }

    /// Waits for so many lines.
    func waitFor(lines: Int, within limit: Duration = .seconds(60)) async throws {
        try await eventually("\(lines) lines in the ledger", within: limit) {
            guard count < lines else { return true }
            throw StandError("\(count) lines")
        }
    }

    static var monotonicNow: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    static var wallNow: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Sequence<Ledger.Run> {
    /// Pairs of runs of one key that were beside each other.
    func overlaps(by key: (Ledger.Run) -> String?) -> [String] {
        var overlaps: [String] = []
        var last: [String: Ledger.Run] = [:]
        for run in self {
            guard let key = key(run) else { continue }
            // Runs come by rising starts: it is enough to look at the one with the latest end.
            if let before = last[key], (before.end?.at ?? .max) > run.start.at {
                overlaps.append("\(key): \(run.start.id) started while \(before.start.id) ran")
            }
            if (run.end?.at ?? .max) > (last[key]?.end?.at ?? .min) || last[key] == nil { last[key] = run }
        }
        return overlaps
    }

    var ids: [String] { map(\.start.id) }
}

extension Sequence<String> {
    /// Those that come more than once, with how often.
    var repeated: [String: Int] {
        reduce(into: [:]) { $0[$1, default: 0] += 1 }.filter { $0.value > 1 }
    }
}
