public import RdKafka

/// A job to be enqueued.
public struct NewJob: Sendable {
    /// The job type's name on the wire; 1 to 1024 bytes without control characters.
    public var type: String
    /// The payload's version, from 1 up.
    public var version: Int
    /// Nil is a record without a value.
    public var payload: Bytes?
    /// The payload's media type; nil leaves it unsaid.
    public var contentType: String?
    /// The ordering key: in `.key` order jobs of one key run one at a time, in the order they were enqueued.
    public var key: Bytes?
    /// Nil is a UUID of version 7; else as ``type``. Two jobs of one id are two jobs.
    public var id: String?
    /// The queue has to have a topic for it, which `kokanee topics create QUEUE --priorities` makes. Default `.normal`.
    public var priority = Priority.normal
    /// How long from now the job is not to start. Not together with ``at``.
    public var delay: Duration?
    /// The time, in milliseconds since the epoch, before which the job is not to start. One that has passed is now.
    public var at: Int64?
    /// How long from now the job may still start; after that it is discarded.
    public var expiresAfter: Duration?
    /// Names the job's effect; as ``type``. A job whose key was done within its window is not run; see docs/once.md. It is
    /// the ordering key, too, where the job has none: jobs of one key have to meet in one partition. Give jobs that share it
    /// the same ordering key.
    public var idempotencyKey: String?
    /// For how long the key counts as done once the job is, up to 365 days; nil is as long as the worker says, 24 h unless
    /// configured.
    public var idempotencyWindow: Duration?
    /// Whether the job stands for others of its kind, or they for it; see docs/once.md. As with an idempotency key the key is
    /// the ordering key of a job that has none. One of another priority than the normal is refused, and one that
    /// has a different idempotency key as well and no ordering key.
    public var unique: Uniqueness?
    /// Keeps what becomes of the job for so long after its end, for ``JobClient/result(of:as:within:)-(EnqueuedJob,_,_)``:
    /// its result, also if it sets none, or why it has none. Nil, the default, keeps only what the handler sets, for
    /// ``WorkerConfiguration/resultRetention``. It costs a record in the queue's state topic, and its tombstone.
    public var keepResult: Duration?
    /// Further headers, carried unchanged through every hop; none for which ``Envelope/isReserved(_:)`` holds.
    public var headers: [Header] = []

    /// A job of raw bytes.
    public init(type: String, version: Int = 1, payload: Bytes?, contentType: String? = nil) {
        self.type = type
        self.version = version
        self.payload = payload
        self.contentType = contentType
    }

    /// - Throws: what the codec throws.
    public init<J: Job>(_ job: J, codec: any PayloadCodec = .json) throws {
        self.init(
            type: J.type,
            version: J.version,
            payload: try codec.encode(job),
            contentType: codec.contentType
        )
        unique = J.uniqueness
    }

    /// An id as a job gets that has none, for whoever has to know it before the job is enqueued.
    ///
    /// - Parameter now: milliseconds since the epoch.
    package static func makeID(at now: Int64) -> String {
        var generator = SystemRandomPool(expecting: 2)
        return UUIDv7(at: now, using: &generator).text
    }

    /// The record that enqueues the job, and the job's id.
    ///
    /// - Parameters:
    ///   - source: `ce_source`.
    ///   - now: milliseconds since the epoch.
    /// - Throws: ``InputError`` where the job could not be read back, or could never run.
    public func record(
        for queue: Queue,
        source: String,
        at now: Int64,
        using generator: inout some RandomNumberGenerator
    ) throws -> (id: String, record: ProducerRecord) {
        try validate(at: now)
        let id = id.map { JobID.given($0) } ?? .made(UUIDv7(at: now, using: &generator))
        var list = HeaderList()
        list.headers.reserveCapacity(10 + headers.count)
        writeHeaders(id: id, EnqueueStamp(source: source, now: now), to: &list)
        let record = ProducerRecord(
            topic: queue.topic(of: priority),
            key: recordKey,
            value: payload,
            headers: list.headers,
            timestamp: now
        )
        return (id.text, record)
    }

    /// Refuses what ``record(for:source:at:using:)`` would.
    ///
    /// - Throws: ``InputError``.
    package func validate(at now: Int64) throws {
        try Self.validate("job type", type)
        if let contentType { try Self.check(contentType: contentType) }
        try check(at: now)
    }

    /// Refuses what could not be read back, or could never run; but for the type and the media type, which most jobs of a call
    /// share.
    ///
    /// It is inlined, as ``writeHeaders(id:_:to:)`` is, so that most jobs are looked at where they are: handed to a
    /// function a job is copied, and references to all its parts are counted.
    @inline(__always)
    func check(at now: Int64) throws {
        if isPlain, version == 1 { return }
        try checkAll(at: now)
    }

    /// - Parameter contentType: of a payload, which must not claim to be an event of its own.
    static func check(contentType: String) throws {
        guard Array(contentType.utf8).withUnsafeBytes({ !PlainJob.isCloudEvent($0) }) else {
            throw InputError(
                "the payload's media type can't be \(SafeText.quoted(contentType)): the job would be read from its payload, with "
                    + "an id of its own; enqueue the event's data"
            )
        }
    }

    /// It has nothing but type, version, payload, its media type and key.
    @inline(__always)
    private var isPlain: Bool {
        id == nil && !isOnce && delay == nil && at == nil && expiresAfter == nil && keepResult == nil
            && headers.isEmpty
    }

    /// It has something that is to happen once.
    @inline(__always)
    var isOnce: Bool { idempotencyKey != nil || idempotencyWindow != nil || unique != nil }

    /// The record's key, by which it has its partition, and its lane.
    var recordKey: Bytes? { key ?? (idempotencyKey ?? uniqueWish?.key).map { Bytes($0) } }

    /// As ``recordKey``, of a job that stays where it is.
    @inline(__always)
    static func recordKey(of job: UnsafePointer<NewJob>) -> Bytes? {
        job.pointee.isOnce ? derivedKey(of: job) : job.pointee.key
    }

    @inline(never)
    private static func derivedKey(of job: UnsafePointer<NewJob>) -> Bytes? { job.pointee.recordKey }

    private var uniqueWish: UniqueWish? {
        unique.map { unique in
            UniqueWish(
                until: unique.until.kind,
                limit: unique.limit.milliseconds,
                key: unique.key ?? PayloadDigest.name(type: type, payload)
            )
        }
    }

    private func checkOnce() throws {
        if let idempotencyKey { try Self.validate("idempotency key", idempotencyKey) }
        if let idempotencyWindow {
            guard idempotencyKey != nil else {
                throw InputError("an idempotency window is that of an idempotency key, which the job lacks")
            }
            guard idempotencyWindow >= .milliseconds(1), idempotencyWindow <= .seconds(365 * 86_400) else {
                throw InputError(
                    "an idempotency window is more than nothing and at most 365 days, not \(idempotencyWindow.text)"
                )
            }
        }
        guard let unique else { return }
        guard priority.isNormal else {
            throw InputError(
                "a unique job has the normal priority: jobs stand for each other by their order in the queue's main topic"
            )
        }
        if key == nil, let idempotencyKey, idempotencyKey != uniqueWish?.key {
            throw InputError(
                "a unique job whose idempotency key is another than its unique key needs an ordering key, the same as those "
                    + "that it stands for: jobs are told apart within one partition"
            )
        }
        if let key = unique.key {
            try Self.validate("key of a unique job", key)
            guard key.utf8.count <= 1000 else {
                throw InputError("the key of a unique job has at most 1000 bytes, not \(key.utf8.count)")
            }
        }
        guard UniqueWish.limits.contains(unique.limit.milliseconds) else {
            throw InputError("a unique job stands for others for 1s to 365 days, not \(unique.limit.text)")
        }
    }

    private func checkAll(at now: Int64) throws {
        guard (1...Int(Int32.max)).contains(version) else {
            throw InputError("a job's version is an integer from 1 up, not \(version)")
        }
        if let id { try Self.validate("job id", id) }
        if isOnce { try checkOnce() }
        if let keepResult, keepResult < .milliseconds(1) || keepResult > .longestText {
            throw InputError(
                "a result is kept for at least 1ms and at most \(Duration.longestText.text), not \(keepResult.text)"
            )
        }
        for header in headers where Envelope.isReserved(header.name) || header.name.utf8.contains(0) {
            throw InputError("the header \(SafeText.quoted(header.name)) can't be set by hand")
        }
        _ = try expiresAt(now: now, dueAt: try dueAt(now: now))
    }

    /// Writes the headers of the job that is enqueued now. It has passed ``check(at:)`` with the stamp's time.
    @inline(__always)
    func writeHeaders(id: JobID, _ stamp: EnqueueStamp, to writer: inout (some HeaderWriter & ~Copyable)) {
        Envelope.writeNewJobHeaders(
            id: id,
            type: type,
            version: version,
            stamp,
            contentType: contentType,
            to: &writer
        )
        if !isPlain { writeFurtherHeaders(at: stamp.now, to: &writer) }
    }

    /// As ``writeHeaders(id:_:to:)``, of a job that stays where it is.
    @inline(__always)
    static func writeHeaders(
        of job: UnsafePointer<NewJob>,
        id: JobID,
        _ stamp: EnqueueStamp,
        to writer: inout (some HeaderWriter & ~Copyable)
    ) {
        Envelope.writeNewJobHeaders(
            id: id,
            type: job.pointee.type,
            version: job.pointee.version,
            stamp,
            contentType: job.pointee.contentType,
            to: &writer
        )
        if !job.pointee.isPlain { writeFurtherHeaders(of: job, at: stamp.now, to: &writer) }
    }

    @inline(never)
    private static func writeFurtherHeaders(
        of job: UnsafePointer<NewJob>,
        at now: Int64,
        to writer: inout (some HeaderWriter & ~Copyable)
    ) {
        job.pointee.writeFurtherHeaders(at: now, to: &writer)
    }

    private func writeFurtherHeaders(at now: Int64, to writer: inout (some HeaderWriter & ~Copyable)) {
        let dueAt = try? dueAt(now: now)
        let expiresAt = try? expiresAt(now: now, dueAt: dueAt)
        Envelope.writeTimes(dueAt: dueAt, expiresAt: expiresAt, to: &writer)
        if let idempotencyKey { writer.add(.idempotencyKey, idempotencyKey) }
        if let idempotencyWindow { writer.add(.idempotencyWindow, idempotencyWindow.milliseconds) }
        if let uniqueWish { writer.add(.unique, uniqueWish.text) }
        if let keepResult { writer.add(.keepResult, keepResult.milliseconds) }
        for header in headers { writer.add(header.name, header.value) }
    }

    /// Workers take what is further ahead for a mistake.
    private static let longestDelay = Duration.milliseconds(Intake.furthestDue)

    private func dueAt(now: Int64) throws -> Int64? {
        guard delay == nil || at == nil else { throw InputError("a job has a delay or a time to start, not both") }
        if let delay {
            guard delay >= .zero else { throw InputError("a job's delay can't be negative, as \(delay.text) is") }
            guard delay <= Self.longestDelay else {
                throw InputError("a job's delay is at most \(Self.longestDelay.text), not \(delay.text)")
            }
            return delay == .zero ? nil : now + delay.milliseconds
        }
        guard let at, at > now else { return nil }
        guard at <= now + Self.longestDelay.milliseconds else {
            throw InputError(
                "a job's time to start is at most \(Self.longestDelay.text) ahead, and not \(Timestamp.text(at))"
            )
        }
        return at
    }

    private func expiresAt(now: Int64, dueAt: Int64?) throws -> Int64? {
        guard let expiresAfter else { return nil }
        guard expiresAfter > .zero, expiresAfter <= .longestText else {
            throw InputError(
                "a job expires after more than nothing and at most \(Duration.longestText.text), "
                    + "not \(expiresAfter.text)"
            )
        }
        let expiresAt = now + expiresAfter.milliseconds
        guard expiresAt > dueAt ?? now else {
            throw InputError("the job would expire, \(expiresAfter.text) from now, before it may start")
        }
        return expiresAt
    }

    /// Refuses what ``Envelope/decode(_:defaultType:)`` would refuse on the other side.
    static func validate(_ name: String, _ text: String) throws {
        var text = text
        // A string's bytes are UTF-8.
        let isFine = text.withUTF8 { bytes in
            !bytes.isEmpty && bytes.count <= Envelope.longestName && !bytes.contains { $0 < 0x20 || $0 == 0x7F }
        }
        guard !isFine else { return }
        if case .malformed(let fault) = text.withUTF8({ HeaderScan.attribute(UnsafeRawBufferPointer($0)) }) {
            throw InputError("the \(name) \(SafeText.quoted(text)) \(fault)")
        }
    }
}
