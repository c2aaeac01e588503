import Foundation
import Kokanee
import RdKafka
import Synchronization
import TestSupport

@testable import struct Kokanee.CommitMetadata

/// Carries out a plan on real processes, and writes its history down.
final class ChaosRun: Sendable {
    /// Between two bursts of new jobs.
    private static let burstPause = Duration.milliseconds(100)
    /// Calm at the end of the plan, with jobs coming in, in which nothing may run twice.
    private static let calm = Duration.seconds(3)

    private struct State {
        var jobs: [String: ChaosJobs.Job] = [:]
        var acknowledged: [ChaosHistory.Place: String] = [:]
        var acknowledgedAt: [ChaosHistory.Place: Int64] = [:]
        var commits: [ChaosHistory.Commit] = []
        var faults: [ChaosHistory.Fault] = []
        var isOver = false
    }

    private let plan: ChaosPlan
    private let burst: Int
    private let cluster: ChaosCluster
    private let stand: Stand
    private let crew: ChaosCrew
    private let queue: Queue
    private let admin: AdminClient
    private let worked: [TopicPartition]
    private let state = Mutex(State())

    private init(_ plan: ChaosPlan, burst: Int, _ cluster: ChaosCluster, _ stand: Stand) throws {
        self.plan = plan
        self.burst = burst
        self.cluster = cluster
        self.stand = stand
        crew = try ChaosCrew(stand, plan.profile)
        queue = try Queue(stand.queue, ladder: Ladder(text: ChaosJobs.ladder))
        admin = try AdminClient(ClientConfiguration(bootstrapServers: cluster.bootstrapServers))
        worked = ([stand.queue] + stand.rungTopics(ChaosJobs.ladder)).flatMap { topic in
            (0..<Int32(cluster.profile.partitions)).map { TopicPartition(topic: topic, partition: $0) }
        }
    }

    /// Runs a plan on brokers of its own and judges what came of it.
    ///
    /// - Parameter burst: jobs that are enqueued every 100 ms.
    /// - Returns: the figures, and what was violated; where anything was, all that is needed to understand it is kept.
    static func run(_ plan: ChaosPlan, burst: Int) async throws -> (figures: ChaosFigures, violations: [String]) {
        let cluster = try await ChaosCluster(plan.profile)
        let result = Mutex<(ChaosFigures, [String])?>(nil)
        try await Stand.with(partitions: plan.profile.partitions, ladder: nil, on: cluster.bootstrapServers) { stand in
            let run = try ChaosRun(plan, burst: burst, cluster, stand)
            let judged = try await run.run()
            result.withLock { $0 = judged }
        }
        try await cluster.stop()
        guard let result = result.withLock({ $0 }) else { throw StandError("a run without a result") }
        return result
    }

    private func run() async throws -> (ChaosFigures, [String]) {
        try await cluster.createTopics(of: stand)
        let limits = ChaosJobs.limits(burst: burst)
        try await setLimits(limits)
        let schedules = plan.profile.keepsTransactions ? try await ChaosSchedules(stand) : nil
        let from = Ledger.monotonicNow
        for _ in 0..<ChaosPlan.workersAtFirst { try crew.start() }
        let joining = ChaosHistory.Fault(kind: .join, from: from, until: Ledger.monotonicNow, isPlanned: false)
        state.withLock { $0.faults.append(joining) }
        var violations: [String] = []
        var isAwaited = false
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.enqueue() }
                group.addTask { try await self.watchCommits() }
                try await makeChaos()
                // While jobs still come in: the marker of a transaction at a log's end would count as a job that waits.
                try await schedules?.end()
                state.withLock { $0.isOver = true }
                try await group.waitForAll()
            }
            isAwaited = true
            try await drain()
            violations += try await statusFaults()
            try await crew.endAll()
        } catch {
            state.withLock { $0.isOver = true }
            violations.append("the run could not go on: \(error)")
            violations += crew.desertions
            // What is read from here on stays as it is.
            try? await crew.endAll()
        }
        violations += crew.desertions
        var history = try await history()
        history.isAwaited = isAwaited
        history.limits = limits
        history.schedules = schedules?.due ?? []
        for (name, check) in ChaosCheck.all {
            violations += check(history).map { "\(name): \($0)" }
        }
        let figures = ChaosFigures(history, violations: violations.count)
        if !violations.isEmpty { violations.append("kept in \(try keep(history, figures, violations).path)") }
        return (figures, violations)
    }

    private func setLimits(_ limits: [ChaosHistory.Limit]) async throws {
        let desk = try LimitDesk(ClientConfiguration(bootstrapServers: cluster.bootstrapServers))
        let table = try LimitTable(
            limits.map { limit in
                let rate = try limit.rate.map { try Rate(text: "\($0)/s") }
                return JobLimit(type: limit.type, concurrency: limit.concurrency, rate: rate, burst: limit.burst)
            }
        )
        try await desk.write(table, of: stand.queue)
    }

    // MARK: - While it lasts

    private var isOver: Bool { state.withLock { $0.isOver } }

    private func makeChaos() async throws {
        try await eventually("the first job ends", within: .seconds(60)) { self.crew.ledger.count >= 2 }
        for step in plan.steps {
            try await crew.settle()
            try await Task.sleep(for: step.pause)
            let from = Ledger.monotonicNow
            // From its beginning: what happens meanwhile is its doing.
            let index = state.withLock { state in
                state.faults.append(.init(kind: step.event.kind, from: from, until: from))
                return state.faults.count - 1
            }
            try await perform(step.event)
            state.withLock { $0.faults[index].until = Ledger.monotonicNow }
            let desertions = crew.desertions
            guard desertions.isEmpty else { throw StandError(desertions.joined(separator: "\n")) }
        }
        try await Task.sleep(for: Self.calm)
    }

    private func perform(_ event: ChaosPlan.Event) async throws {
        switch event {
        case .kill(let worker): try crew.kill(worker)
        case .freeze(let worker, let time): try await crew.freeze(worker, for: time)
        case .deploy: try await crew.deploy()
        case .join: try crew.start()
        case .leave(let worker): try await crew.leave(worker)
        default: try await cluster.perform(event, on: stand)
        }
    }

    private func enqueue() async throws {
        let client = try JobClient(
            ClientConfiguration(bootstrapServers: cluster.bootstrapServers, properties: plan.profile.properties)
        )
        var source = ChaosJobs(seed: plan.seed)
        while !isOver {
            let jobs = (0..<burst).map { _ in source.next() }
            state.withLock { state in for job in jobs { state.jobs[job.id] = job } }
            for result in await client.enqueue(jobs.map(\.new), to: queue) {
                // One that is not acknowledged may be in the log or not: the log itself decides.
                guard let job = try? result.get() else { continue }
                let place = ChaosHistory.Place(topic: job.topic, partition: job.partition, offset: job.offset)
                let now = Ledger.monotonicNow
                state.withLock { ($0.acknowledged[place], $0.acknowledgedAt[place]) = (job.id, now) }
            }
            try await Task.sleep(for: Self.burstPause)
        }
        await client.close()
    }

    private func watchCommits() async throws {
        while !isOver {
            // Brokers that are away leave a gap.
            if let seen = try? await admin.committedOffsets(group: stand.group, worked, timeout: .seconds(2)) {
                let now = Ledger.monotonicNow
                let commits = seen.compactMap { partition, committed in
                    committed.map { committed in
                        let metadata = CommitMetadata(text: committed.metadata, above: committed.offset)
                        return ChaosHistory.Commit(
                            seenAt: now,
                            partition: partition,
                            offset: committed.offset,
                            finishedBeyond: metadata?.completed ?? .init()
                        )
                    }
                }
                state.withLock { $0.commits += commits }
            }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    // MARK: - The end

    /// Waits until the group has passed all that there is, for as long as jobs go on ending.
    private func drain() async throws {
        var lines = crew.ledger.count
        var since = ContinuousClock.now
        while true {
            let left = try? await left()
            if left == 0 { return }
            let count = crew.ledger.count
            if count != lines { (lines, since) = (count, .now) }
            guard since.duration(to: .now) < .nanoseconds(ChaosCheck.progressLimit) else {
                throw StandError("\(left.map(String.init) ?? "unknown") jobs wait, and none has ended for 30 s")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func left() async throws -> Int64 {
        let committed = try await admin.committedOffsets(group: stand.group, worked)
        return try await admin.listOffsets(worked, .latest).reduce(0) { left, end in
            left + end.value - (committed[end.key].flatMap(\.self)?.offset ?? 0)
        }
    }

    /// What `status --json` says otherwise than it must of a queue that is through.
    private func statusFaults() async throws -> [String] {
        let status = try await StatusTests.status(of: stand)
        let positions = try await stand.oracle.positions(of: stand.queue, group: stand.group)
        var faults: [String] = []
        if status.waiting != 0 { faults.append("status: \(status.waiting) jobs wait") }
        if status.retrying.values.contains(where: { $0 != 0 }) { faults.append("status: retrying \(status.retrying)") }
        if !status.stalledPartitions.isEmpty { faults.append("status: stalled \(status.stalledPartitions)") }
        let letters = try await stand.oracle.count(of: stand.deadLetterTopic)
        if status.dead != Int64(letters) { faults.append("status: \(status.dead) dead letters, kcat: \(letters)") }
        if status.partitions.map(\.committed) != positions.map(\.committed) {
            faults.append("status: committed \(status.partitions.map(\.committed)), oracle: \(positions)")
        }
        return faults + positions.filter { $0.lag != 0 }.map { "oracle: \($0) is not worked to its end" }
    }

    private func history() async throws -> ChaosHistory {
        var history = ChaosHistory(profile: plan.profile)
        let state = state.withLock { $0 }
        (history.acknowledged, history.acknowledgedAt) = (state.acknowledged, state.acknowledgedAt)
        history.offered = state.jobs.mapValues(\.key)
        history.offeredEffects = state.jobs.compactMapValues { job in
            if case .once(let effect) = job.kind.end { effect } else { nil }
        }
        history.commits = state.commits
        history.faults = state.faults
        history.enqueuedUntil = state.faults.last.map { $0.until } ?? 0
        crew.testify(&history)
        history.executions = try crew.ledger.executions()
        let wallOffset = Ledger.monotonicNow - Ledger.wallNow * 1_000_000
        history.wallOffset = wallOffset
        for (place, record) in try await records(of: stand.queue) {
            if let tick = ChaosSchedules.tick(record, at: place, wallOffset: wallOffset) {
                history.ticks.append(tick)
                history.enqueued.append(.init(id: tick.id, key: tick.schedule, place: place, end: .completed))
                continue
            }
            let id = record.header("ce_id") ?? ""
            guard let job = state.jobs[id] else { continue }
            var enqueued = ChaosHistory.Enqueued(id: id, key: job.key, place: place, end: job.kind.end)
            enqueued.isOrdered = job.kind.isOrdered
            if let time = record.header("kokanee-expires-at").flatMap({ Int64($0) }) {
                enqueued.expiresAt = time * 1_000_000 + wallOffset
            }
            (enqueued.type, enqueued.steps) = (job.kind.type, job.kind.steps)
            history.enqueued.append(enqueued)
        }
        if !history.ticks.isEmpty {
            let committed = Set(history.ticks.map(\.place))
            let all = try await records(of: stand.queue, isCommitted: false)
            history.takenBack = Set(
                all.filter { ChaosSchedules.tick($1, at: $0, wallOffset: wallOffset) != nil }.map(\.0)
            ).subtracting(committed)
        }
        for topic in stand.rungTopics(ChaosJobs.ladder) {
            let delay = try Duration(text: String(topic.split(separator: ".").last ?? "")).components.seconds
            history.rungs += try await records(of: topic).map { place, record in
                let written = (record.timestamp ?? 0) * 1_000_000 + wallOffset
                // The two clocks are read one after the other: a millisecond may lie between.
                let dueAt = written + delay * ChaosHistory.second - ChaosCheck.logPrecision
                return Self.copy(place, record, writtenAt: written, dueAt: dueAt)
            }
        }
        history.letters = try await records(of: stand.deadLetterTopic).map { Self.copy($0, $1, dueAt: 0) }
        return history
    }

    private static func copy(
        _ place: ChaosHistory.Place,
        _ record: KafkaOracle.Record,
        writtenAt: Int64 = 0,
        dueAt: Int64
    ) -> ChaosHistory.Copy {
        let attempt = record.header("kokanee-attempt").flatMap { Int($0) } ?? 1
        let id = record.header("ce_id") ?? ""
        return .init(id: id, attempt: attempt, place: place, writtenAt: writtenAt, dueAt: dueAt)
    }

    private func records(
        of topic: String,
        isCommitted: Bool = true
    ) async throws -> [(ChaosHistory.Place, KafkaOracle.Record)] {
        try await stand.oracle.records(of: topic, isCommitted: isCommitted).map { record in
            let (partition, offset) = (Int32(record.partition ?? -1), record.offset ?? -1)
            return (.init(topic: topic, partition: partition, offset: offset), record)
        }
    }

    /// Copies the ledger, the workers' logs, the plan and the verdict to a directory that outlives the run.
    private func keep(_ history: ChaosHistory, _ figures: ChaosFigures, _ violations: [String]) throws -> URL {
        let parent = ProcessInfo.processInfo.environment["KOKANEE_CHAOS_KEEP"].map { URL(filePath: $0) }
        let name = "kokanee-chaos-\(plan.profile)-\(plan.seed)-\(Ledger.wallNow)"
        let directory = (parent ?? FileManager.default.temporaryDirectory).appending(path: name)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        func write(_ text: String, _ name: String) throws {
            try Data(text.utf8).write(to: directory.appending(path: name))
        }
        let faults = history.faults.map { "\($0.from) to \($0.until): \($0.kind)" }.joined(separator: "\n")
        try write("\(plan)\n\n\(faults)\n", "plan")
        try write("\(figures)\n\n\(violations.joined(separator: "\n"))\n", "verdict")
        for (name, text) in crew.logs { try write(text, "\(name).log") }
        let copies = (history.rungs + history.letters).map { "\($0.place) job \($0.id) attempt \($0.attempt)\n" }
        try write(copies.joined(), "copies")
        try? FileManager.default.copyItem(at: crew.ledger.file, to: directory.appending(path: "ledger"))
        return directory
    }
}
