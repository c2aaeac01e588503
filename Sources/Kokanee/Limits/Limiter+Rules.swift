// What limits there are, and the partitions whose share of them is this worker's.

extension Limiter {
    /// Puts a queue's limits in the place of what they were. All jobs have to be enrolled again.
    mutating func set(_ table: LimitTable, queue: Int32) {
        var compiled = Table()
        for type in table.pausedTypes {
            let subject = JobLimit.Subject(type: type, grouping: .none)
            // Of its own name: a limit of the type may stand beside it.
            let id = id(of: RuleKey(queue: queue, subject: .init(type: "\0\(type)", grouping: .none)), subject, .paused)
            rules[id].isPause = true
            compiled.byType[type, default: []].append(id)
        }
        for limit in table.limits {
            let id = id(of: RuleKey(queue: queue, subject: limit.subject), limit.subject, LimitBucket.Rule(limit))
            rules[id].allowsOvertaking = limit.allowsOvertaking
            if let type = limit.type {
                compiled.byType[type, default: []].append(id)
            } else {
                compiled.ofAll.append(id)
            }
        }
        tables[queue] = table.isEmpty ? nil : compiled
        forgetJobs(keeping: Set(tables.values.flatMap { $0.ofAll + $0.byType.values.joined() }))
    }

    private mutating func id(of key: RuleKey, _ subject: JobLimit.Subject, _ rule: LimitBucket.Rule) -> Int {
        if let id = ruleIDs[key] {
            // One that was away, or had another rate, has gathered no tokens.
            let isInUse = tables[key.queue].map {
                $0.ofAll.contains(id) || $0.byType.values.contains { $0.contains(id) }
            }
            if isInUse != true || rules[id].rule != rule { rules[id].since = now }
            rules[id].rule = rule
            return id
        }
        ruleIDs[key] = rules.count
        rules.append(RuleEntry(queue: key.queue, subject: subject, rule: rule, since: now))
        return rules.count - 1
    }

    /// What buckets have gathered stays; whom they bound is told anew.
    private mutating func forgetJobs(keeping kept: Set<Int>) {
        members.removeAll()
        awakened.removeAll()
        due = Heap()
        waiting = 0
        for index in buckets.indices {
            guard var bucket = buckets[index] else { continue }
            guard kept.contains(bucket.key.rule) else {
                drop(index)
                continue
            }
            bucket.fill(now: now)
            (bucket.running, bucket.awakened, bucket.waiting, bucket.references) = (0, 0, 0, 0)
            bucket.waiters = Heap()
            bucket.listedAt = nil
            bucket.rule = rules[bucket.key.rule].rule
            bucket.tokens = min(bucket.tokens, bucket.capacity)
            buckets[index] = bucket
        }
    }

    // MARK: - Partitions

    mutating func setPartitions(_ count: Int, queue: Int32) {
        changeShare(of: queue) { $0.partitions = count }
    }

    mutating func join(_ number: Int32, queue: Int32) {
        guard let isKept = shares[queue, default: LimitShares()].join(number, now: now) else { return }
        let isLast = shares[queue]?.kept.isEmpty == true
        updateBuckets(of: queue) { bucket, share, now in
            bucket.fill(now: now)
            if bucket.key.partition < 0 {
                bucket.share = share
                if isKept { bucket.tokens += bucket.kept }
                if isLast { bucket.kept = 0 }
            } else if bucket.key.partition == number, !isKept {
                bucket.tokens = 0
            }
        }
    }

    /// - Parameter keeping: it may come again, and nobody else has it before that.
    mutating func leave(_ number: Int32, queue: Int32, keeping: Bool) {
        let before = Double(shares[queue]?.owned.count ?? 0)
        guard before > 0, shares[queue]?.leave(number, keeping: keeping) == true else { return }
        updateBuckets(of: queue) { bucket, share, now in
            guard bucket.key.partition < 0 else { return }
            bucket.fill(now: now)
            let part = bucket.tokens / before
            bucket.tokens -= part
            if keeping { bucket.kept = part }
            bucket.share = share
        }
    }

    /// What was handed back does not come again, but for these.
    mutating func forget(queue: Int32, except numbers: Set<Int32>) {
        guard shares[queue]?.kept.isEmpty == false else { return }
        shares[queue]?.forget(except: numbers)
        guard shares[queue]?.kept.isEmpty == true else { return }
        updateBuckets(of: queue) { bucket, _, _ in bucket.kept = 0 }
    }

    private mutating func changeShare(of queue: Int32, _ body: (inout LimitShares) -> Void) {
        body(&shares[queue, default: LimitShares()])
        updateBuckets(of: queue) { bucket, share, now in
            guard bucket.key.partition < 0 else { return }
            bucket.fill(now: now)
            bucket.share = share
            bucket.tokens = min(bucket.tokens, bucket.capacity)
        }
    }

    private mutating func updateBuckets(of queue: Int32, _ body: (inout LimitBucket, Double, Int64) -> Void) {
        let share = shares[queue]?.share ?? 0
        for index in buckets.indices {
            guard let bucket = buckets[index], rules[bucket.key.rule].queue == queue else { continue }
            body(&buckets[index]!, share, now)
            wake(index)
        }
    }
}
