internal import RdKafka
internal import Synchronization

/// A record in flight, with all that an attempt and a hop need: the one object that a job costs.
///
/// Its properties are declared in the order in which they leave no gaps: 160 bytes, which allocators have a size for.
///
/// `@unchecked Sendable`: what ``read(as:)`` and its siblings set is set by the dispatcher before it admits the job, under
/// whose lock others then see it, and never changed; so is ``ticket``, at the admission itself. ``end`` is set by whoever
/// has the job in hand, and read by nobody before ``Batch/ended`` says that it is set.
final class JobContent: @unchecked Sendable {
    /// What the record was read as.
    enum Reading {
        /// It could not be read as a job: it only hops.
        case none
        /// A first attempt with no state of ours; a nil id is the record's place.
        case plain(id: ShortID?, version: Int32)
        case whole(WholeReading)
    }

    final class WholeReading: Sendable {
        /// Its payload is empty where that is the record's value.
        let job: DecodedJob
        let hasOwnPayload: Bool
        /// In milliseconds, as the record has it; nil where it does not say.
        let keepResult: Int64?

        /// - Parameter scan: what the job was read from.
        init(_ job: DecodedJob, _ scan: HeaderScan) {
            hasOwnPayload = scan.mode == .structured
            keepResult = scan.keepResult
            var job = job
            // Else it is the record's value, which lies in the content's memory: kept here it would keep that alive for ever.
            if !hasOwnPayload { job.payload = JobContent.empty }
            self.job = job
        }
    }

    final class Refusal: Sendable {
        let reason: DeadReason
        let failure: Envelope.Failure

        init(reason: DeadReason, failure: Envelope.Failure) {
            self.reason = reason
            self.failure = failure
        }
    }

    /// What hardly any job has, changed by the same rules as the rest.
    private final class Rarities {
        var owner: Record?
        var refusal: Refusal?
        var cancellation: JobCancellation?
    }

    final class End: Sendable {
        let end: AttemptEnd

        init(_ end: AttemptEnd) {
            self.end = end
        }
    }

    let message: ConsumedMessage
    /// Kept alive by the message's source; where the record came as such, by this. All jobs share it, on all threads: what
    /// each job asks of it is asked without counting one more owner.
    private let unmanagedRuntime: Unmanaged<QueueRuntime>
    private(set) var reading = Reading.none
    /// Whether the record may say to which trace the job belongs: who asks need not read its headers else.
    private(set) var hasTrace = true
    /// Its outputs are being committed, so that it must not be given up. The engine's lock guards it.
    nonisolated(unsafe) var isCommitting = false
    /// Whether ``notes`` may be more than nil: most attempts look no further.
    let hasNotes = Atomic(false)
    /// Nil where nothing runs the job's type: it only hops. The runtime's registry keeps it alive, and no job counts it:
    /// all threads would count at one place.
    private(set) var entry: Unmanaged<JobRegistry.Entry>?
    private var rarities: Rarities?
    /// Names the job to the engine, which knows by it whether the attempt's epoch goes on.
    nonisolated(unsafe) var ticket = Engine.Ticket(place: 0, stamp: 0)
    /// How the attempt ended; nil is that it has completed.
    nonisolated(unsafe) var end: End?
    /// What the attempt is to leave in the queue's state; nil for nearly all.
    let notes = Mutex<AttemptNotes?>(nil)
    /// When the attempt began, on the scale of ``MonotonicTime``, negative; once it has ended how long it took, in
    /// nanoseconds. Only kept for hooks; 0 where nothing began.
    let attemptTime = Atomic<Int64>(0)

    /// Takes a message over, and the reference to its source that came with it.
    ///
    /// - Parameter message: read with its queue's runtime for a context.
    init(_ message: ConsumedMessage, runtime: Unmanaged<QueueRuntime>) {
        self.message = message
        unmanagedRuntime = runtime
    }

    init(_ record: Record, runtime: QueueRuntime) {
        message = record.storage.message
        unmanagedRuntime = .passRetained(runtime)
        madeRarities.owner = record
    }

    deinit {
        guard owner == nil else { return unmanagedRuntime.release() }
        message.end()
    }

    var runtime: QueueRuntime { unmanagedRuntime.takeUnretainedValue() }

    func read(
        as reading: Reading,
        for entry: Unmanaged<JobRegistry.Entry>?,
        refusal: Refusal? = nil,
        hasTrace: Bool = true
    ) {
        self.reading = reading
        self.entry = entry
        if let refusal { madeRarities.refusal = refusal }
        self.hasTrace = hasTrace
        if schedule != nil { hasNotes.store(true, ordering: .relaxed) }
    }

    func cancel(_ cancellation: JobCancellation) { madeRarities.cancellation = cancellation }

    /// Made for the first who asks.
    private var madeRarities: Rarities {
        if let rarities { return rarities }
        let made = Rarities()
        rarities = made
        return made
    }

    /// Of a record that came as such, and owns its message; nil where this owns it, and a reference to its source.
    private var owner: Record? { rarities?.owner }
    /// Why nothing here runs the job. It takes its turn among the others all the same, so that the circuit, which
    /// stops a release that doesn't know the queue's jobs, can stop it.
    var refusal: Refusal? { rarities?.refusal }
    /// An operator's, where it was known when the job was taken in: then it does not wait until it is due.
    var cancellation: JobCancellation? { rarities?.cancellation }
    var record: Record { owner ?? Record(RecordStorage(message, ownedBy: self)) }
    var offset: Int64 { message.offset }
    var key: Bytes? { message.key.map { Bytes($0, of: self) } }
    var value: Bytes? { message.value.map { Bytes($0, of: self) } }
    /// Bytes of key and value together.
    var size: Int { message.size }
    var queueIndex: Int32 { unmanagedRuntime._withUnsafeGuaranteedRef { $0.index } }
    /// See ``QueueRuntime/needsCare``.
    var needsCare: Bool { unmanagedRuntime._withUnsafeGuaranteedRef { $0.needsCare.load(ordering: .relaxed) } }
    /// Whether there is nothing to know of its attempt but its record, and its handler takes such attempts over.
    var isDirect: Bool {
        isPlain && !needsCare && entry?._withUnsafeGuaranteedRef { $0.directHandler != nil } == true
    }
    /// Whether it is known that no earlier attempt has left anything.
    var hasNothingLeft: Bool { unmanagedRuntime._withUnsafeGuaranteedRef { $0.state.hasNothing(of: self) } }
    /// Whether an attempt may begin now, as the worker's membership stands.
    var mayBegin: Bool {
        unmanagedRuntime._withUnsafeGuaranteedRef {
            // In this order: what raises the limit beyond a lease that has lapsed has said so before.
            $0.startLimit.allowsNow && !$0.isInDoubt.load(ordering: .relaxed)
        }
    }
    /// Whether an attempt that fails may not be followed by another.
    var mayBeLastAttempt: Bool { unmanagedRuntime._withUnsafeGuaranteedRef { attempt > $0.retriedAttempts } }
    /// About what an attempt takes, in nanoseconds.
    var cost: Int { entry?._withUnsafeGuaranteedRef { $0.cost.value } ?? 1000 }
    var place: Envelope.Origin { Envelope.Origin(message.source.topicPartition, offset) }

    /// Names the job in log lines.
    var id: String {
        switch reading {
        case .plain(let id?, _): id.text
        case .whole(let whole): whole.job.envelope.id
        case .plain(nil, _), .none: place.description
        }
    }

    var attempt: Int {
        if case .whole(let whole) = reading { whole.job.envelope.attempt } else { 1 }
    }

    /// Whether it is a first attempt with no state of ours.
    var isPlain: Bool {
        if case .plain = reading { true } else { false }
    }

    /// Where the job stood first, as its record says.
    var origin: Envelope.Origin? {
        switch reading {
        case .plain: nil
        case .whole(let whole): whole.job.envelope.origin
        case .none: HeaderScan(message).origin
        }
    }

    /// Of a job that is not plain.
    var whole: DecodedJob? {
        if case .whole(let whole) = reading { whole.job } else { nil }
    }

    var version: Int {
        switch reading {
        case .plain(_, let version): Int(version)
        case .whole(let whole): whole.job.envelope.version
        case .none: 1
        }
    }

    /// Nil where the record is no job.
    var type: String? {
        switch reading {
        case .plain: plainType
        case .whole(let whole): whole.job.envelope.type
        case .none: nil
        }
    }

    /// How long the attempt took, or has taken until now; nil where there was none.
    var attemptTook: Duration? {
        let time = attemptTime.load(ordering: .relaxed)
        if time == 0 { return nil }
        return .nanoseconds(time > 0 ? time : MonotonicTime.nanoseconds + time)
    }

    /// The type under which its handler is registered, which for jobs that come by an alias is another name than ``type``.
    var handledType: String? { entry?._withUnsafeGuaranteedRef { $0.type } ?? type }

    /// Milliseconds since the epoch.
    var expiresAt: Int64? {
        if case .whole(let whole) = reading { whole.job.envelope.expiresAt } else { nil }
    }

    /// The header of that name, the last of several; nil where there is none, or it is null.
    func header(_ name: String) -> Bytes? {
        var name = name
        return name.withUTF8 { wanted in
            var found: Bytes?
            _ = message.forEachHeader { name, value in
                guard name.elementsEqual(wanted) else { return }
                found = value.map { Bytes(copying: $0) }
            }
            return found
        }
    }

    /// Whether the record is a CloudEvent in structured mode.
    var isStructured: Bool {
        guard case .whole = reading else { return false }
        return HeaderScan(message).mode == .structured
    }

    /// The schedule that the job is of, whose keeper has to be told of its end.
    var schedule: String? {
        if case .whole(let whole) = reading { whole.job.envelope.schedule } else { nil }
    }

    /// The replay that it is worked for: its queue's, or that which its record tells of.
    var replay: String? {
        if let replay = unmanagedRuntime._withUnsafeGuaranteedRef({ $0.queue.replay }) { return replay }
        // A plain job has no header of ours.
        guard case .whole = reading else { return nil }
        var replay: String?
        _ = message.forEachHeader { name, value in
            guard case .replay = HeaderName.recognise(name) else { return }
            // Ids have 20 bytes.
            let text = value.map { String(decoding: $0.prefix(21), as: UTF8.self) } ?? ""
            replay = ReplayID.isValid(text) ? text : nil
        }
        return replay
    }

    /// Whether what it produces is committed together with its completion.
    var commitsOutputs: Bool {
        runtime.outputs != nil && handledType.map { runtime.jobs.outputTypes.contains($0) } == true
    }

    /// For how long somebody wants to be able to ask what became of the job; nil where nobody does.
    var keptResult: Duration? {
        let asked: Int64? =
            switch reading {
            // It has no header of ours.
            case .plain: nil
            case .whole(let whole): whole.keepResult
            case .none: HeaderScan(message).keepResult
            }
        return asked.map { .milliseconds(min(max($0, 1), Duration.longestText.milliseconds)) }
    }

    /// Made when it is asked for: most handlers need little of it.
    var envelope: Envelope? {
        switch reading {
        case .plain(_, let version): Envelope(id: id, type: plainType, version: Int(version))
        case .whole(let whole): whole.job.envelope
        case .none: nil
        }
    }

    /// What a hop takes over of the job's history.
    var hopState: HopState {
        switch reading {
        case .plain: HopState()
        case .whole(let whole): HopState(whole.job.envelope)
        case .none: HopState(HeaderScan(message))
        }
    }

    var payload: Bytes {
        if case .whole(let whole) = reading, whole.hasOwnPayload { return whole.job.payload }
        return value ?? Self.empty
    }

    private static let empty = Bytes([])

    /// A plain job is of the type that its handler is registered for, or of one that only the record names.
    private var plainType: String {
        if let name = entry?._withUnsafeGuaranteedRef({ $0.name }) { return name }
        guard case .text(let type) = HeaderScan(message).type else { return runtime.queue.defaultType }
        return type
    }
}

extension Envelope.Origin {
    init(_ partition: TopicPartition, _ offset: Int64) {
        self.init(topic: partition.topic, partition: partition.partition, offset: offset)
    }
}
