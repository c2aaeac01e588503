internal import RdKafka

extension Dispatcher {
    /// Names the era of outputs that begins with a partition whose commit names none: the group's offset was reset, or
    /// there was none. Nil where no outputs are committed.
    func newEra(of intake: PartitionIntake) -> String? {
        // Where the coordinator did not answer nobody knows what it has, and what is committed next tells nothing.
        guard runtime.outputs != nil, intake.assigned != nil else { return nil }
        return ReplayID.make(at: engine.clock.wall())
    }

    /// A partition's log was written anew: what outputs have been committed of is other jobs than those at the same offsets.
    /// To be called before it begins again, and to be committed then.
    ///
    /// Where the commits name a rewind that stands they go on to name it, and not an era: it would be applied again.
    func beginEra(of intake: PartitionIntake) {
        guard intake.rewind != runtime.rewinds.notice?.rewind.id, let era = newEra(of: intake) else { return }
        runtime.outputs?.letGo(CollectionOfOne(intake.topicPartition))
        intake.rewind = era
    }

    /// Gives eras to partitions that were taken over while nobody could say what is committed of them, once somebody can.
    func nameEras() {
        let nameless = rotation.filter { $0.rewind == nil }
        learnCommits(of: nameless)
        for intake in nameless {
            guard let assigned = intake.assigned else {
                hasRewindsToServe = true
                continue
            }
            let metadata = assigned.offset.flatMap { CommitMetadata(text: $0.metadata, above: $0.offset) }
            intake.rewind = metadata?.rewind ?? newEra(of: intake)
            engine.withScheduler { $0.commitAgain { $0 == intake.id } }
        }
    }

    /// Commits are acknowledged that name these.
    func noteCommitted(_ rewinds: [Engine.PartitionID: String]) {
        guard let outputs = runtime.outputs else { return }
        for (id, era) in rewinds {
            guard let partition = partition(of: id), intakes[partition]?.rewind == era else { continue }
            outputs.note(era: era, of: partition)
        }
    }
}
