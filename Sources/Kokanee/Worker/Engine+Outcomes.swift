extension Engine {
    /// What has changed of a queue's partitions, to be committed; and the marks that have to be written before that.
    ///
    /// Both are of one moment: whatever the commits cover is in these marks, or in ones that were taken before.
    ///
    /// - Parameters:
    ///   - withheld: partitions that are not to be committed yet.
    ///   - withMarks: whether marks may be taken, whose fate ``marksEnded(_:failed:)`` is then to be told.
    func takeCommits(
        of queue: Int32,
        except withheld: Set<PartitionID>,
        withMarks: Bool
    ) -> (commits: [Scheduler<JobContent>.Commit], marks: [OutcomeBook.Taken]) {
        state.withLock { state in
            let commits = state.scheduler.takeCommits { $0 >> 32 == Int(queue) && !withheld.contains($0) }
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
