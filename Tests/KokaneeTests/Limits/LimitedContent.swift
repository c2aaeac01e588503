@testable import Kokanee

/// A job as the limits see it.
struct LimitedContent: LimitedJob, Equatable {
    var name: Int
    var type = "a"
    var key: String?

    var limitedType: String { type }

    func keyGroup(upTo separator: String?) -> UInt64? {
        guard let key else { return nil }
        let group = separator.map { key.components(before: $0) } ?? key
        return group.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

extension String {
    fileprivate func components(before separator: String) -> String {
        String(split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)[0])
    }
}

/// A scheduler of a queue under limits, and a clock for it.
struct LimitedQueue {
    static let second: Int64 = 1_000_000_000

    var scheduler: Scheduler<LimitedContent>
    private(set) var now: Int64 = 0
    private var next = 0

    init(
        _ limits: [JobLimit],
        partitions: Int = 1,
        owned: Range<Int> = 0..<1,
        bounds: Scheduler<LimitedContent>.Limits = .init(jobs: 1_000_000, bytes: 1 << 40, gap: 1_000_000)
    ) throws {
        scheduler = Scheduler(limits: bounds, asLimited: { $0 })
        scheduler.setPartitions(partitions, of: 0)
        scheduler.setLimits(try LimitTable(limits), of: 0, now: 0)
        assign(owned)
    }

    mutating func assign(_ ids: some Sequence<Int>, queue: Int32 = 0) {
        for id in ids {
            scheduler.assign(
                id,
                queue: queue,
                number: Int32(id),
                committed: 0,
                restored: CompletionMap(),
                movedAt: 0
            )
        }
    }

    mutating func pass(_ seconds: Double) {
        now += Int64(seconds * Double(Self.second))
        _ = scheduler.advance(to: now)
    }

    /// Admits a job; returns its name.
    @discardableResult
    mutating func admit(type: String = "a", key: String? = nil, lane: UInt64? = nil, to id: Int = 0) -> Int {
        let content = LimitedContent(name: next, type: type, key: key)
        next += 1
        let offset = scheduler.partitions[id]?.tracker.position ?? 0
        _ = scheduler.admit(id, offset: offset, .init(bytes: 1, key: lane, start: .now), content)
        return content.name
    }

    mutating func takeAll() -> [(ticket: Scheduler<LimitedContent>.Ticket, content: LimitedContent)] {
        var taken: [(ticket: Scheduler<LimitedContent>.Ticket, content: LimitedContent)] = []
        while let next = scheduler.take() { taken.append(next) }
        return taken
    }

    mutating func names() -> [Int] { takeAll().map(\.content.name) }
}
