public import RdKafka

/// Carries out resets of groups without members, and keeps the book of them.
///
/// The record's beginning is written before anything is moved: one without a result tells that somebody began, and that
/// nobody knows how far it came.
public struct RecordedReset: Sendable {
    private let resetter: OffsetResetter
    private let book: ReplayBook
    private let desk: RewindDesk

    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    public init(_ configuration: ClientConfiguration, logger: Logger = .disabled) throws(KafkaError) {
        resetter = try OffsetResetter(configuration, logger: logger)
        book = try ReplayBook(configuration)
        desk = try RewindDesk(configuration)
    }

    /// Does what was planned by ``OffsetResetter/plan(_:of:)``.
    ///
    /// A live rewind that stands for the group does not count for these partitions any more once they move. Cancelling
    /// the task ends it before the offsets are moved, or not at all.
    ///
    /// - Parameters:
    ///   - by: who does it, for the record.
    ///   - words: the command line's, or a program's.
    ///   - undoes: the id of the reset that this one takes back.
    ///   - doubting: called before an error is thrown where offsets have moved, or may have.
    /// - Returns: the record as it was written.
    /// - Throws: as ``OffsetResetter/execute(_:)``; the record then says that it failed, and why, unless offsets have moved,
    ///   or nobody can say. ``KafkaError`` where the control topic can't be written: nothing is changed then, unless it was
    ///   the result that could not be.
    public func execute(
        _ reset: OffsetReset,
        by: String,
        words: String,
        undoes: String? = nil,
        doubting: @Sendable () -> Void = {}
    ) async throws -> ReplayRecord {
        try await execute(reset, by: by, words: words, undoes: undoes, doubting: doubting) {
            try await resetter.execute(reset, preparing: $0)
        }
    }

    /// - Parameter move: calls what it is given right before it moves the offsets.
    func execute(
        _ reset: OffsetReset,
        by: String,
        words: String,
        undoes: String? = nil,
        doubting: @Sendable () -> Void = {},
        moving move: (_ prepare: () async throws -> Void) async throws -> Void
    ) async throws -> ReplayRecord {
        let now = Timestamp.now
        let record = ReplayRecord(
            beginning: .init(
                id: ReplayID.make(at: now),
                kind: .reset,
                queue: reset.queue.name,
                group: reset.queue.group,
                at: now,
                by: by,
                words: words,
                moves: reset.moves,
                undoes: undoes
            )
        )
        try await book.begin(record.beginning)
        var released: Rewind?
        var hasBegun = false
        do {
            try await move {
                let partitions = reset.partitions.map(\.partition)
                released = try await desk.release(partitions, queue: reset.queue.name, group: reset.queue.group)
                hasBegun = true
            }
        } catch {
            // Refused at the last moment, by brokers that can't say before who is in the group: nothing has moved.
            var isUnmoved = !hasBegun || (error as? ResetError)?.mayHaveMoved == false
            // Else it may have been the answer only that was lost.
            if !isUnmoved { isUnmoved = await resetter.isUnmoved(reset) }
            guard isUnmoved else {
                doubting()
                throw error
            }
            if let released { try? await desk.write(released) }
            // Whoever reads the error knows more than the record needs to; if this fails too, there is no result.
            try? await book.end(.init(state: .cancelled, at: Timestamp.now, notes: ["failed: \(error)"]), of: record)
            throw error
        }
        do {
            return try await book.finish(
                record,
                counts: [
                    "runsAgain": reset.runsAgain, "skipped": reset.skipped, "lostToRetention": reset.lostToRetention,
                ]
            )
        } catch {
            doubting()
            throw error
        }
    }
}
