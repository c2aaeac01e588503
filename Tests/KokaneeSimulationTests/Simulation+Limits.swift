@testable import Kokanee

/// What a limit's rate counts together.
struct LimitedStart: Hashable {
    let limit: Int
    let key: UInt64?
    /// Of a key; nil where all partitions share the rate.
    let partition: Int?
}

extension ModelWorker.Content: LimitedJob {
    var limitedType: String { "type-\(record.job.number % 4)" }

    func keyGroup(upTo separator: String?) -> UInt64? { record.job.key }
}

extension ModelWorker {
    /// Nanoseconds of a monotonic clock.
    var nanoseconds: Int64 { simulation.now * 1_000_000 }

    func setLimits() throws {
        scheduler.setPartitions(simulation.profile.partitions, of: 0)
        guard !simulation.profile.jobLimits.isEmpty else { return }
        scheduler.setLimits(try LimitTable(simulation.profile.jobLimits), of: 0, now: nanoseconds)
    }

    /// As in `EngineState.tick`, and what follows.
    func leaveLimited() {
        for leaving in scheduler.takeLeaving() {
            guard let content = scheduler.content(of: leaving.ticket) else { continue }
            simulation.tally.note(.leftForLimits)
            simulation.note("worker \(number): \(content.record) leaves for a rung")
            let wait = max(simulation.ladder.rungs[0].milliseconds, leaving.wait / 1_000_000)
            let attempt = content.record.attempt
            hopToWait(leaving.ticket, content, attempt: attempt, after: wait, failure: nil, now: clusterTime ?? 0)
        }
    }

    /// An attempt is about to start, beside those that run.
    func checkLimits(_ content: Content) throws {
        for (index, limit) in simulation.profile.jobLimits.enumerated() {
            guard limit.type ?? content.limitedType == content.limitedType else { continue }
            let isByKey = limit.grouping == .key
            guard !isByKey || content.record.job.key != nil else { continue }
            let partition = content.record.place.partition
            let beside = running.filter { other in
                guard limit.type ?? other.content.limitedType == other.content.limitedType else { return false }
                let isOfKey =
                    other.record.job.key == content.record.job.key && other.record.place.partition == partition
                return !isByKey || isOfKey
            }
            if let concurrency = limit.concurrency, beside.count >= concurrency {
                throw Violation("\(content.record) starts beside \(beside.count), and the limit is \(concurrency)")
            }
            guard let rate = limit.rate else { continue }
            let key = isByKey ? content.record.job.key : nil
            let start = LimitedStart(limit: index, key: key, partition: isByKey ? partition : nil)
            try simulation.check(start, rate: rate.perSecond, burst: limit.effectiveBurst)
        }
    }
}

extension Simulation {
    /// One more start: in no time that ends with it there may have been more than the rate and the burst allow, and one
    /// for each worker, but of a key's own rate.
    func check(_ start: LimitedStart, rate: Double, burst: Double) throws {
        limitedStarts[start, default: []].append(now)
        let times = limitedStarts[start] ?? []
        let most = burst + Double(start.partition == nil ? mostWorkers : 0)
        for (index, since) in times.enumerated() {
            let allowed = most + rate * Double(now - since) / 1000
            guard Double(times.count - index) > allowed + 0.01 else { continue }
            throw Violation("\(times.count - index) jobs started in \(now - since) ms, and the limit allows \(allowed)")
        }
    }
}
