public import RdKafka
internal import Synchronization

// What a handler may say while it works: how far it is, what it found, that it needs longer.

extension JobContext {
    /// Whether the attempt may begin now, as its worker's membership stands, where it has waited for something since it was
    /// given out.
    var mayBegin: Bool { content?.mayBegin ?? true }

    /// Leaves a value for who enqueued the job: it is stored once the attempt completes, and before the job counts as
    /// finished. The last call counts; a failed attempt leaves nothing.
    ///
    /// It is encoded as JSON, and kept for ``WorkerConfiguration/resultRetention``, or for as long as ``NewJob/keepResult``
    /// says. ``JobClient/result(of:as:within:)-(EnqueuedJob,_,_)`` awaits it.
    ///
    /// - Throws: what the encoding throws; a ``JobError`` that makes the job a dead letter where the result is larger than
    ///   ``WorkerConfiguration/resultLimit``, because the next attempt's would be too.
    public func setResult(_ value: some Encodable) throws {
        try setResult(try JSONCodec().encode(value))
    }

    /// Leaves bytes as they are. JSON is shown as such.
    ///
    /// - Throws: as ``setResult(_:)-(Encodable)``.
    public func setResult(_ bytes: Bytes) throws {
        let limit = content?.runtime.resultLimit ?? WorkerConfiguration().resultLimit
        guard bytes.count <= limit else {
            throw JobError.deadLetter(
                "the result has \(bytes.count) bytes, and resultLimit is \(limit): "
                    + "store it elsewhere, and let the result say where"
            )
        }
        content?.attemptNotes.contents.withLock { $0.result = JobRecord.Blob(bytes: bytes) }
    }

    /// Says how far the job is, for `kokanee jobs show`.
    ///
    /// It is written at most once a second, and never waited for: it costs next to nothing, and can't fail the job. What is
    /// said in an attempt's last second may be dropped.
    ///
    /// - Parameters:
    ///   - share: from 0 to 1; what is beyond counts as the one or the other.
    ///   - note: for people; cut at 200 bytes.
    public func progress(_ share: Double, _ note: String? = nil) {
        guard let content, share.isFinite else { return }
        let report = ReportedProgress.Report(
            share: min(max(share, 0), 1),
            note: note.map { SafeText.line($0, limit: ReportedProgress.longestNote) }
        )
        let now = ContinuousClock.now
        let step = content.attemptNotes.contents.withLock { contents in
            contents.spokeAt = now
            return contents.progress.take(report, now: now)
        }
        content.follow(step)
    }

    /// Lets the attempt run for `time` from now, where its deadline is sooner: ``WorkerConfiguration/attemptTimeout`` then
    /// counts no more. Call it again as long as the work goes on.
    public func extend(by time: Duration) {
        guard let content, time > .zero else { return }
        let deadline = ContinuousClock.now + time
        content.attemptNotes.contents.withLock { contents in
            contents.deadline = max(contents.deadline ?? deadline, deadline)
            contents.spokeAt = deadline - time
        }
    }

    /// Gives the attempt the queue's timeout anew.
    func renewDeadline() {
        if let timeout = content?.runtime.attemptTimeout { extend(by: timeout) }
    }

    /// Whether the attempt had better come to an end: the worker shuts down, its partition is being handed to another
    /// one, the queue is paused or drained, or the task was cancelled. A long job looks at this between steps, leaves a
    /// checkpoint, and throws a ``JobStop``; one that doesn't runs on, and is cancelled when the worker's patience is over.
    public var isStopping: Bool {
        guard !Task.isCancelled, let runtime = content?.runtime else { return Task.isCancelled }
        return runtime.isStopping.load(ordering: .acquiring) || runtime.fleet.pause != nil
    }

    /// Has something called when ``isStopping`` comes to be because of the worker; at once where it is so already.
    func whenStopping(_ body: @escaping @Sendable () -> Void) {
        guard let content else { return }
        content.attemptNotes.contents.withLock { $0.whenStopping = body }
        if content.runtime.isStopping.load(ordering: .acquiring) { content.tellStopping() }
    }
}

extension JobContent {
    func forgetWhenStopping() {
        writtenNotes?.contents.withLock { $0.whenStopping = nil }
    }

    /// Tells the handler, if it wants to be told, that the attempt had better come to an end.
    func tellStopping() {
        writtenNotes?.contents.withLock { $0.whenStopping.take() }?()
    }
}
