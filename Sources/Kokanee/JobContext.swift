public import RdKafka

/// What a handler knows of the attempt that it runs.
public struct JobContext: Sendable {
    private enum Source {
        case job(JobContent)
        case given(Given)
    }

    private final class Given: Sendable {
        let queue: String
        let envelope: Envelope
        let maximumAttempts: Int
        let key: Bytes?
        let source: Envelope.Origin
        let replay: String?
        let effects: Effects
        let logger: Logger
        let headers: [Header]

        init(
            _ queue: String,
            _ envelope: Envelope,
            _ attempts: Int,
            _ key: Bytes?,
            _ source: Envelope.Origin,
            _ replay: String?,
            _ effects: Effects,
            _ logger: Logger,
            _ headers: [Header]
        ) {
            self.queue = queue
            self.envelope = envelope
            maximumAttempts = attempts
            self.key = key
            self.source = source
            self.replay = replay
            self.effects = effects
            self.logger = logger
            self.headers = headers
        }
    }

    // Every attempt gets one of these, and few handlers look at more than an id: nothing is made before it is asked for.
    private let context: Source

    public init(
        queue: String,
        envelope: Envelope,
        maximumAttempts: Int,
        key: Bytes?,
        source: Envelope.Origin,
        replay: String? = nil,
        effects: Effects = .performed,
        logger: Logger = .disabled,
        headers: [Header] = []
    ) {
        context = .given(Given(queue, envelope, maximumAttempts, key, source, replay, effects, logger, headers))
    }

    init(_ content: JobContent) {
        context = .job(content)
    }

    /// The job in a worker's hands; nil elsewhere.
    var content: JobContent? {
        if case .job(let content) = context { content } else { nil }
    }

    /// The queue's name; in a replay that of the queue whose history it runs again.
    public var queue: String {
        switch context {
        case .job(let content): content.runtime.queue.mainTopic
        case .given(let given): given.queue
        }
    }

    /// All that the job's record says of it. It is made anew each time: ask ``id``, ``type``, ``version`` and ``attempt``
    /// for no more than that.
    public var envelope: Envelope {
        switch context {
        case .job(let content): content.envelope ?? Envelope(id: content.id, type: content.runtime.queue.defaultType)
        case .given(let given): given.envelope
        }
    }

    /// The last attempt that the retry policy grants; the job is a dead letter if it fails.
    public var maximumAttempts: Int {
        switch context {
        case .job(let content): content.runtime.maximumAttempts
        case .given(let given): given.maximumAttempts
        }
    }

    /// The ordering key; jobs of one key run one at a time in `.key` order.
    public var key: Bytes? {
        switch context {
        case .job(let content): content.key
        case .given(let given): given.key
        }
    }

    /// Where the record stands that this attempt was read from: the queue's topic or a rung.
    public var source: Envelope.Origin {
        switch context {
        case .job(let content): content.place
        case .given(let given): given.source
        }
    }

    /// The header of that name that the job's record carries, the last of several; nil where there is none. It is read
    /// from the record each time.
    public func header(_ name: String) -> Bytes? {
        switch context {
        case .job(let content): content.header(name)
        case .given(let given): given.headers.last { $0.name == name }?.value
        }
    }

    /// A CloudEvents attribute, wherever the record has it.
    func attribute(_ name: String) -> String? {
        switch context {
        case .job(let content): content.attribute(name)
        case .given: header(name)?.text
        }
    }

    /// Whether it is worth looking for a trace.
    var mayHaveTrace: Bool {
        switch context {
        case .job(let content): content.hasTrace
        case .given(let given): !given.headers.isEmpty
        }
    }

    /// The replay that this attempt belongs to, by which a handler may tell work that is done again: it keeps its id and
    /// its idempotency key. Nil in live work. In a rehearsal it is the id of the plan that is rehearsed.
    public var replay: String? {
        switch context {
        case .job(let content): content.replay
        case .given(let given): given.replay
        }
    }

    /// Where the handler does what can't be taken back; in a rehearsal that is noted instead.
    public var effects: Effects {
        switch context {
        case .job: .performed
        case .given(let given): given.effects
        }
    }

    /// Whether the attempt is to have no effect: nothing of it is kept but the report. False in every worker.
    public var isRehearsal: Bool { !effects.arePerformed }

    public var logger: Logger {
        switch context {
        case .job(let content): content.runtime.logger
        case .given(let given): given.logger
        }
    }

    public var id: String {
        switch context {
        case .job(let content): content.id
        case .given(let given): given.envelope.id
        }
    }

    public var type: String {
        switch context {
        case .job(let content): content.type ?? content.runtime.queue.defaultType
        case .given(let given): given.envelope.type
        }
    }

    public var version: Int {
        switch context {
        case .job(let content): content.version
        case .given(let given): given.envelope.version
        }
    }

    /// Milliseconds since the epoch; nil in a first attempt.
    var firstFailedAt: Int64? {
        switch context {
        case .job(let content): content.whole?.envelope.firstFailedAt
        case .given(let given): given.envelope.firstFailedAt
        }
    }

    /// The first is 1. It comes from the record, so it counts right across workers, crashes and deploys.
    public var attempt: Int {
        switch context {
        case .job(let content): content.attempt
        case .given(let given): given.envelope.attempt
        }
    }

    public var isLastAttempt: Bool { attempt >= maximumAttempts }
}
