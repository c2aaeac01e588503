internal import RdKafka
internal import Synchronization

// What an attempt writes beside its work.

extension JobContent {
    /// Has progress written, now or when it is time.
    func follow(_ action: ReportedProgress.Action) {
        switch action {
        case .nothing: break
        case .write(let report):
            // It may fail: a later one, or none, says it as well.
            Task {
                try? await runtime.state.save(of: self) { record in
                    record.progress = report.share
                    record.note = report.note
                }
            }
        case .wait(let time):
            Task {
                try? await Task.sleep(until: time)
                follow(attemptNotes.contents.withLock { $0.progress.due(now: .now) })
            }
        }
    }

    /// Saves a checkpoint behind those before it, without waiting: of those that wait only the newest is saved.
    func saveSoon(_ bytes: Bytes) {
        attemptNotes.contents.withLock { contents in
            contents.checkpoint = bytes
            guard contents.saver == nil else { return }
            contents.saver = Task { await saveCheckpoints() }
        }
    }

    private func saveCheckpoints() async {
        while let bytes = nextCheckpoint() {
            do {
                let checkpoint = bytes == "null" ? nil : JobRecord.Blob(bytes: bytes)
                try await runtime.state.save(of: self) { $0.checkpoint = checkpoint }
            } catch {
                // Nobody needs it any more where the attempt has ended meanwhile.
                guard writtenNotes?.state.withLock({ $0.isOver }) != true else { continue }
                // The one before it counts. Where brokers are away the job is not held up for what it may do again.
                runtime.logger.log(
                    .warning,
                    "a checkpoint could not be stored: the one before it counts",
                    ["queue": queueName, "job": id, "error": "\(error)"]
                )
            }
        }
    }

    private func nextCheckpoint() -> Bytes? {
        attemptNotes.contents.withLock { contents in
            guard let bytes = contents.checkpoint.take() else {
                contents.saver = nil
                return nil
            }
            return bytes
        }
    }
}

extension JobContext {
    /// What an earlier attempt left as its checkpoint, for a handler that does not ask; nil in most cases, and then soon.
    func earlierCheckpoint() async throws -> Bytes? {
        guard let content, try await content.runtime.state.mayHaveRecord(of: content) else { return nil }
        return try await lastCheckpoint()
    }

    /// Keeps a checkpoint without waiting for that; ``checkpointsStored()`` does.
    ///
    /// - Parameter json: nil takes away what is there.
    func leaveCheckpoint(_ json: [UInt8]?) {
        guard let content else { return }
        let bytes = Bytes(json ?? Array("null".utf8))
        do {
            try QueueState.check(bytes, limit: content.runtime.state.settings.checkpointLimit)
            content.attemptNotes.contents.withLock { $0.spokeAt = .now }
            content.saveSoon(bytes)
        } catch {
            content.attemptNotes.contents.withLock { $0.failure = .deadLetter("\(error)") }
        }
    }

    /// Waits until the brokers have the last checkpoint that was left, or are known not to take it.
    func checkpointsStored() async {
        while let saver = content?.writtenNotes?.contents.withLock({ $0.saver }) { await saver.value }
    }

    /// Why the attempt has failed, whatever its handler says.
    var failure: JobError? { content?.writtenNotes?.contents.withLock { $0.failure } }
}
