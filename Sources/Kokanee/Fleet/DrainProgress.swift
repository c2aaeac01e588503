internal import RdKafka

/// How far a queue's workers are with a drain or a pause, as far as they tell.
public struct DrainProgress: Sendable, Hashable {
    /// Workers that obey it.
    public internal(set) var obeying: [String] = []
    /// Workers that have not said so yet, and members of the group that report nothing.
    public internal(set) var unheard: [String] = []
    /// Workers of which nothing has been heard for half a minute: they died, stand still, or are cut off.
    public internal(set) var silent: [String] = []
    /// Jobs that run.
    public internal(set) var running = 0
    /// Jobs that were taken in before a drain and are not finished, those that run among them.
    public internal(set) var left = 0
    /// What keeps those that are left, what people can change first, as far as the workers tell.
    public internal(set) var waits: [DrainWait] = []
    /// The worst of the workers that have something left.
    public internal(set) var circuit = QueueStatus.Circuit.closed

    /// Nothing runs any more, and nothing will, as far as the workers tell. Silent ones count as gone, but for those
    /// that the group still has.
    public var isDone: Bool { unheard.isEmpty && left == 0 && running == 0 }

    init() {}

    /// - Parameters:
    ///   - pause: the word that is to be obeyed.
    ///   - reports: those of workers of other queues only tell whose the members are.
    ///   - members: of the group, by name; nil where the broker can't tell.
    package init(of pause: Pause, reports: [ReportedWorker], members: [String]?) {
        var circuits: [QueueStatus.Circuit] = []
        for worker in reports where worker.report.queue == pause.queue {
            let report = worker.report
            guard !worker.isSilent else {
                silent.append(report.name)
                continue
            }
            guard let hold = report.hold, hold.at == pause.at else {
                unheard.append(report.name)
                continue
            }
            obeying.append(report.name)
            running += hold.running
            left += hold.left ?? hold.running
            if hold.left ?? 0 > 0 { circuits.append(report.circuit) }
            waits += hold.waits
        }
        waits = DrainWait.merged(waits)
        circuit = .worst(of: circuits)
        // Members may have one name together, those that are named by their client.id among them.
        var reported = Dictionary(
            reports.filter { !$0.isSilent }.map { (Self.memberName($0.report.member ?? $0.report.name), 1) },
            uniquingKeysWith: +
        )
        for member in members ?? [] {
            if let left = reported[member], left > 0 {
                reported[member] = left - 1
            } else {
                unheard.append(member)
            }
        }
    }

    /// Adds what the workers of another group tell.
    mutating func add(_ other: DrainProgress) {
        obeying += other.obeying
        unheard += other.unheard
        silent += other.silent
        running += other.running
        left += other.left
        waits = DrainWait.merged(waits + other.waits)
        circuit = .worst(of: [circuit, other.circuit])
    }

    /// A member's name as far as both sides tell it.
    fileprivate static func memberName(_ text: String) -> String { SafeText.line(text, limit: 128) }
}

extension QueueControl {
    /// How far the workers are with a word that was given: those of the queue's group, and of every other that reports.
    ///
    /// A worker that was killed less than half a minute ago is waited for: it may be alive.
    public func progress(of pause: Pause, in queue: Queue) async throws -> DrainProgress {
        let metadata = try await admin.metadata(topics: [Queue.controlTopic])
        let control = metadata.partitions(of: Queue.controlTopic) ?? []
        let reports = try await ReportReader(configuration: configuration, admin: admin)
            .read(control, group: nil, now: Timestamp.now)
        // A word is about the queue, whichever groups work it.
        let groups = Set([queue.group] + reports.filter { $0.report.queue == queue.name }.map(\.report.group))
        var progress = DrainProgress()
        for group in groups.sorted() {
            let members = try await members(of: group, besides: queue.group)
            let own = reports.filter { $0.report.group == group }
            progress.add(DrainProgress(of: pause, reports: own, members: members))
        }
        return progress
    }

    /// The names of a group's members; nil where the broker can't tell, or doesn't of a group that is not the queue's own.
    private func members(of group: String, besides own: String) async throws(KafkaError) -> [String]? {
        do throws(KafkaError) {
            guard case .members(let found, _) = try await GroupMembership.read(group, admin) else { return nil }
            return found.map { DrainProgress.memberName($0.clientID) }
        } catch {
            guard group != own, error.code == .groupAuthorizationFailed else { throw error }
            return nil
        }
    }
}
