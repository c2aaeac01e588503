public import RdKafka

extension Envelope {
    /// The headers of a job that is enqueued now: CloudEvents 1.0 in binary mode.
    ///
    /// - Parameters:
    ///   - source: `ce_source`, a URI reference that says who enqueues.
    ///   - now: milliseconds since the epoch.
    ///   - extra: carried behind the others; see ``isReserved(_:)``.
    public func newJobHeaders(
        source: String,
        at now: Int64,
        contentType: String?,
        extra: [Header] = []
    ) -> [Header] {
        var list = HeaderList()
        list.headers.reserveCapacity(10 + extra.count)
        Self.writeNewJobHeaders(
            id: .given(id),
            type: type,
            version: version,
            EnqueueStamp(source: source, now: now),
            contentType: contentType,
            to: &list
        )
        Self.writeTimes(dueAt: dueAt, expiresAt: expiresAt, to: &list)
        if let idempotencyKey { list.add(.idempotencyKey, idempotencyKey) }
        if let idempotencyWindow { list.add(.idempotencyWindow, idempotencyWindow) }
        if let unique { list.add(.unique, unique.text) }
        return list.headers + extra
    }

    @inline(__always)
    static func writeNewJobHeaders(
        id: JobID,
        type: String,
        version: Int,
        _ stamp: EnqueueStamp,
        contentType: String?,
        to writer: inout (some HeaderWriter & ~Copyable)
    ) {
        writer.add(.specVersion, "1.0")
        switch id {
        case .given(let text): writer.add(.id, text)
        case .made(let uuid): uuid.withText { writer.add(.id, $0) }
        }
        writer.add(.type, type)
        writer.add(.source, stamp.source)
        writer.add(.time, stamp.time)
        if let contentType { writer.add(.contentType, contentType) }
        if version != 1 { writer.add(.schemaVersion, version) }
    }

    static func writeTimes(dueAt: Int64?, expiresAt: Int64?, to writer: inout (some HeaderWriter & ~Copyable)) {
        if let dueAt { writer.add(.dueAt, dueAt) }
        if let expiresAt { writer.add(.expiresAt, expiresAt) }
    }

    /// Whether Kokanee gives the header a meaning, so that it can't be set as an extra one.
    public static func isReserved(_ headerName: String) -> Bool {
        HeaderName(rawValue: headerName) != nil || headerName.hasPrefix(HeaderName.prefix)
    }

    /// The headers of a job that moves to a rung: the record's own, with the retry state behind them.
    ///
    /// Whatever the record carries, its headers grow by less than 4 KiB over any number of hops.
    ///
    /// - Parameters:
    ///   - headers: the source record's, in its order.
    ///   - source: where that record stands; the job's origin unless it has one.
    ///   - attempt: the attempt that the moved record is for.
    ///   - dueAt: not to be started before this; nil where the rung's delay says it all.
    ///   - failure: of the attempt that was made; nil where the job only waits.
    ///   - refusedSince: where it waits for a worker that can run it. Nil keeps what the record says, until an attempt is made.
    ///   - hasBegun: whether that attempt has begun, and stopped unfinished. False keeps what the record says, until it has
    ///     failed: then the next one's number says as much.
    public static func rungHeaders(
        copying headers: [Header],
        from source: Origin,
        attempt: Int,
        dueAt: Int64?,
        failure: Failure?,
        refusedSince: Int64? = nil,
        hasBegun: Bool = false
    ) -> [Header] {
        var list = HeaderList(headers: carriedHeaders(headers))
        writeRungState(
            HopState(HeaderScan(headers)),
            from: source,
            attempt: attempt,
            dueAt: dueAt,
            failure: failure,
            refusedSince: refusedSince,
            hasBegun: hasBegun,
            to: &list
        )
        return list.headers
    }

    /// Of ``rungHeaders(copying:from:attempt:dueAt:failure:)`` those that are not the record's own.
    static func writeRungState(
        _ state: HopState,
        from source: Origin,
        attempt: Int,
        dueAt: Int64?,
        failure: Failure?,
        refusedSince: Int64?,
        hasBegun: Bool,
        to writer: inout (some HeaderWriter & ~Copyable)
    ) {
        writeState(state, from: source, attempt: attempt, failure: failure, to: &writer)
        if let dueAt { writer.add(.dueAt, dueAt) }
        if hasBegun || failure == nil && state.hasBegun { writer.add(.begun, 1) }
        // Who made an attempt can run it: the next one that can't begins to wait anew.
        if let since = refusedSince ?? (failure == nil ? state.refusedSince : nil) { writer.add(.refusedSince, since) }
    }

    /// The headers of a job that becomes a dead letter; see ``rungHeaders(copying:from:attempt:dueAt:failure:)``.
    ///
    /// - Parameters:
    ///   - attempt: the attempt that the record was for, executed or not.
    ///   - failure: what the reason consists in; nil keeps the last attempt's error.
    ///   - now: milliseconds since the epoch.
    public static func deadLetterHeaders(
        copying headers: [Header],
        from source: Origin,
        attempt: Int,
        reason: DeadReason,
        failure: Failure?,
        at now: Int64
    ) -> [Header] {
        var list = HeaderList(headers: carriedHeaders(headers))
        let state = HopState(HeaderScan(headers))
        writeLetterState(state, from: source, attempt: attempt, reason: reason, failure: failure, at: now, to: &list)
        return list.headers
    }

    /// Of ``deadLetterHeaders(copying:from:attempt:reason:failure:at:)`` those that are not the record's own.
    static func writeLetterState(
        _ state: HopState,
        from source: Origin,
        attempt: Int,
        reason: DeadReason,
        failure: Failure?,
        at now: Int64,
        to writer: inout (some HeaderWriter & ~Copyable)
    ) {
        writeState(state, from: source, attempt: attempt, failure: failure, to: &writer)
        writer.add(.reason, reason.rawValue)
        writer.add(.diedAt, now)
    }

    /// The headers of a dead letter that goes back to its queue as attempt 1.
    ///
    /// Errors, due time and expiry are gone; origin and idempotency key stay, for it is the same job.
    ///
    /// - Parameters:
    ///   - deadLetter: where the letter stands.
    ///   - replay: the one whose letter it is. Nil keeps what the letter says: a job of a replay's that dies in live work is
    ///     still one whose effects may have been made before.
    public static func retryHeaders(
        copying headers: [Header],
        from deadLetter: Origin,
        replay: String? = nil
    ) -> [Header] {
        var dropped: Set<HeaderName> = [.expiresAt, .retriedFrom]
        if replay != nil { dropped.insert(.replay) }
        var result = carried(headers) { HopState.holds($0) || dropped.contains($0) }
        result.append(HeaderName.origin.header((HeaderScan(headers).origin ?? deadLetter).description))
        result.append(HeaderName.retriedFrom.header(deadLetter.description))
        if let replay { result.append(HeaderName.replay.header(replay)) }
        return result
    }

    /// The headers of a hop that the broker refused as too large, without the errors' texts: these it can do without.
    static func withoutErrors(_ headers: [Header]) -> [Header] {
        headers.filter { $0.name != HeaderName.error.rawValue && $0.name != HeaderName.firstError.rawValue }
    }

    /// What a dead letter lacks of its job, because no topic took all of it; `kokanee-cut` on the wire.
    enum Cut: String {
        /// Headers that Kokanee gives no meaning.
        case headers
        /// These, and the payload.
        case payload

        init?(_ headers: [Header]) {
            guard let header = headers.last(where: { $0.name == HeaderName.cut.rawValue }),
                let value = header.value, value.count < 16
            else { return nil }
            self.init(rawValue: value.text)
        }
    }

    /// The headers that Kokanee gives a meaning, each once, and a note that the others are missing.
    ///
    /// The trace stays as well: it is CloudEvents' and small.
    static func withoutUnknown(_ headers: [Header], cut: Cut) -> [Header] {
        var seen: Set<String> = []
        let kept = headers.reversed().filter { header in
            let isTrace = header.name == TraceContext.parentHeader || header.name == TraceContext.stateHeader
            let isKnown = isTrace || HeaderName(rawValue: header.name).map { $0 != .cut } == true
            let isShort = header.value.map { $0.count <= longestKept } ?? true
            return isKnown && isShort && seen.insert(header.name).inserted
        }
        return kept.reversed() + [HeaderName.cut.header(cut.rawValue)]
    }

    /// The most that a header has which Kokanee reads or writes: an error's text, a name.
    private static let longestKept = max(longestName, Failure.maximumSize)

    /// What a hop carries on of a record's headers.
    static func carriedHeaders(_ headers: [Header]) -> [Header] {
        carried(headers, dropping: HopState.holds)
    }

    private static func carried(_ headers: [Header], dropping isDropped: (HeaderName) -> Bool) -> [Header] {
        headers.filter { header in HeaderName(rawValue: header.name).map(isDropped) != true }
    }

    private static func writeState(
        _ state: HopState,
        from source: Origin,
        attempt: Int,
        failure: Failure?,
        to writer: inout (some HeaderWriter & ~Copyable)
    ) {
        writer.add(.attempt, attempt)
        (state.origin ?? source).withText { writer.add(.origin, $0) }
        if let firstFailedAt = state.firstFailedAt ?? failure?.at { writer.add(.firstFailedAt, firstFailedAt) }
        if let error = failure?.text ?? state.lastError {
            writer.add(.error, error)
            writer.add(.firstError, state.firstError ?? state.lastError ?? error)
        } else if let first = state.firstError {
            writer.add(.firstError, first)
        }
    }
}
