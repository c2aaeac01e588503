import TestSupport

/// What is done to a queue's workers and brokers, and when: all of it follows from the seed.
struct ChaosPlan: Equatable, Sendable, CustomStringConvertible {
    /// How many workers there are at first, and at any time.
    static let workersAtFirst = 3
    static let workers = 2...5
    /// Members of the group time out after this.
    static let sessionTimeout = Duration.seconds(6)

    enum Kind: String, CaseIterable, Sendable {
        case kill, freeze, deploy, join, leave
        case brokerDown, slowBrokers, refuseProduces, moveCoordinator, moveLeaders
        case restartBroker
    }

    enum Event: Equatable, Sendable {
        /// SIGKILL of one worker, in whose place another starts at once.
        case kill(worker: Int)
        /// SIGSTOP of one worker for longer than the session timeout, then SIGCONT.
        case freeze(worker: Int, for: Duration)
        /// SIGTERM of one worker after another, each replaced when it has ended.
        case deploy
        /// One more worker.
        case join
        /// SIGTERM of one worker.
        case leave(worker: Int)
        /// One broker's connections are cut, and refused for a while.
        case brokerDown(Int32, for: Duration)
        /// All answers come late for a while.
        case slowBrokers(by: Duration, for: Duration)
        /// The next produce requests fail with Kafka's error code.
        case refuseProduces(Int, code: Int32)
        /// Another broker is the group's coordinator.
        case moveCoordinator(to: Int32)
        /// Another broker leads every partition of this number.
        case moveLeaders(partition: Int32, to: Int32)
        /// SIGTERM of the only broker, and its start after a while.
        case restartBroker(after: Duration)
    }

    struct Step: Equatable, Sendable {
        /// Calm before the event.
        let pause: Duration
        let event: Event
    }

    let seed: UInt64
    let profile: ChaosProfile
    let steps: [Step]

    /// Deals events from a deck that has each kind of the profile once, and shuffles it anew when it is through.
    ///
    /// - Parameter pauses: the calm before each event, in milliseconds. The embedded cluster takes about as long as the
    ///   session timeout for a rebalance, and twice as long where a member has died.
    init(seed: UInt64, profile: ChaosProfile, events: Int, pauses: ClosedRange<Int> = 500...4000) {
        self.seed = seed
        self.profile = profile
        var random = SeededGenerator(seed: seed)
        var deck: [Kind] = []
        var workers = Self.workersAtFirst
        var steps: [Step] = []
        while steps.count < events {
            if deck.isEmpty { deck = profile.kinds.shuffled(using: &random) }
            let kind = deck.removeLast()
            if kind == .join, workers == Self.workers.upperBound { continue }
            if kind == .leave, workers == Self.workers.lowerBound { continue }
            let pause = Duration.milliseconds(Int.random(in: pauses, using: &random))
            steps.append(Step(pause: pause, event: Self.event(kind, workers: workers, profile, &random)))
            workers += kind == .join ? 1 : kind == .leave ? -1 : 0
        }
        self.steps = steps
    }

    private static func event(
        _ kind: Kind,
        workers: Int,
        _ profile: ChaosProfile,
        _ random: inout SeededGenerator
    ) -> Event {
        func duration(_ milliseconds: ClosedRange<Int>) -> Duration {
            .milliseconds(Int.random(in: milliseconds, using: &random))
        }
        let worker = Int.random(in: 0..<workers, using: &random)
        let broker = Int32.random(in: 1...ChaosProfile.embeddedBrokers, using: &random)
        switch kind {
        case .kill: return .kill(worker: worker)
        case .freeze: return .freeze(worker: worker, for: sessionTimeout + duration(1500...4000))
        case .deploy: return .deploy
        case .join: return .join
        case .leave: return .leave(worker: worker)
        case .brokerDown: return .brokerDown(broker, for: duration(500...4000))
        case .slowBrokers: return .slowBrokers(by: duration(50...400), for: duration(1000...4000))
        case .refuseProduces:
            let count = Int.random(in: 5...40, using: &random)
            return .refuseProduces(count, code: refusals.randomElement(using: &random) ?? refusals[0])
        case .moveCoordinator: return .moveCoordinator(to: broker)
        case .moveLeaders:
            let partition = Int32.random(in: 0..<Int32(profile.partitions), using: &random)
            return .moveLeaders(partition: partition, to: broker)
        case .restartBroker: return .restartBroker(after: duration(200...2500))
        }
    }

    /// Not the leader, timed out, no access to the topic, too few replicas; librdkafka retries all but the third.
    private static let refusals: [Int32] = [6, 7, 29, 19]

    var description: String {
        let lines = steps.enumerated().map { "  \($0 + 1). after \($1.pause): \($1.event)" }
        return "plan of seed \(seed) for \(profile):\n" + lines.joined(separator: "\n")
    }
}

extension ChaosPlan.Event {
    var kind: ChaosPlan.Kind {
        switch self {
        case .kill: .kill
        case .freeze: .freeze
        case .deploy: .deploy
        case .join: .join
        case .leave: .leave
        case .brokerDown: .brokerDown
        case .slowBrokers: .slowBrokers
        case .refuseProduces: .refuseProduces
        case .moveCoordinator: .moveCoordinator
        case .moveLeaders: .moveLeaders
        case .restartBroker: .restartBroker
        }
    }
}

/// On which brokers chaos is made, and so which kinds of it.
enum ChaosProfile: String, Sendable, CustomStringConvertible {
    /// The embedded cluster, in the test process.
    case embedded
    /// One broker in a process of its own, whose groups never notice that a member died and wait for nobody who has to
    /// give partitions away.
    case process
    /// A Kafka that somebody else runs: nothing is done to it.
    case external

    static let embeddedBrokers: Int32 = 3

    var partitions: Int { 8 }
    var description: String { rawValue }

    var kinds: [ChaosPlan.Kind] {
        switch self {
        case .embedded: ChaosPlan.Kind.allCases.filter { $0 != .restartBroker }
        case .process: [.deploy, .join, .leave, .restartBroker]
        case .external: [.kill, .freeze, .deploy, .join, .leave]
        }
    }

    /// Whether groups forget members that died.
    var forgetsTheDead: Bool { self != .process }

    /// Properties of all clients.
    ///
    /// The embedded cluster does not check the numbers of an idempotent producer's batches. With several on their way
    /// it takes the second one though it refused the first; from that librdkafka concludes, rightly on a Kafka, that
    /// the first is in the log, and acknowledges records that are nowhere.
    var properties: [String: String] {
        self == .embedded ? ["max.in.flight.requests.per.connection": "1"] : [:]
    }

    /// More options of the workers.
    ///
    /// The separate broker ends a rebalance by its timeout alone where two members join at an unlucky moment, whatever clients
    /// they are: it has both of them, and answers neither. That timeout is `max.poll.interval.ms`, by default five minutes
    /// in which no worker has a partition. Here one such is over within ``ChaosCheck/progressLimit``. The wedge limit has to
    /// be below it, and is the least with which a broker that is away does not end a worker.
    var workerOptions: [String] {
        guard self == .process else { return [] }
        let interval = "max.poll.interval.ms=\(Self.unansweredJoin.components.seconds * 1000)"
        return ["--wedge-limit", "15s", "-X", interval]
    }

    /// How long the separate broker may leave members that join without an answer.
    static let unansweredJoin = Duration.seconds(16)

    /// Whether a member has given its partitions away before another one gets them.
    var handsOverInTurn: Bool { self != .process }
    /// Whether readers see only committed transactions, and brokers shut out who was replaced: what schedules rest on. The
    /// embedded cluster keeps the records of transactions that are open, were taken back, or come from a worker that
    /// was shut out, one partition's without the other's: there a kill in the middle of a firing may double its
    /// tick or lose it. ``ScheduleTests`` shows what holds there.
    var keepsTransactions: Bool { self != .embedded }
    /// Whether a record whose acknowledgement was lost stands once in the log, though it was produced twice.
    var deduplicatesProduces: Bool { self == .external }
}
