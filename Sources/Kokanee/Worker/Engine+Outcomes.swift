extension Engine {
    /// What has changed of a queue's partitions, to be committed; and the marks that have to be written before that.
    ///
    /// Both are of one moment: whatever the commits cover is in these marks, or in ones that were taken before.
    ///
    /// - Parameter withMarks: whether marks may be taken, whose fate ``marksEnded(_:failed:)`` is then to be told.
    func takeCommits(
        of queue: Int32,
        withMarks: Bool
    ) -> (commits: [Scheduler<JobContent>.Commit], marks: [OutcomeBook.Taken]) {
        state.withLock { state in
            let commits = state.scheduler.takeCommits { $0 >> 32 == Int(queue) }
            return (commits, withMarks ? state.outcomes?.take(queue: queue) ?? [] : [])
        }
    }

    /// Marks that were taken are written, except for those that failed.
    func marksEnded(_ indices: [Int], failed: [Int]) {
        state.withLock { state in
            state.outcomes?.settle(failed, isWritten: false)
            state.outcomes?.settle(indices, isWritten: true)
        }
    }
}
