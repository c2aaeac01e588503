import RdKafka

@testable import Kokanee

extension ModelWorker {
    /// What has to stand in the state before the end of a schedule's job counts as finished.
    func scheduleWrites(after disposition: Disposition, _ content: Content) -> [ModelStateRecord] {
        guard let envelope = content.decoded?.envelope, let name = envelope.schedule else { return [] }
        let writes = ScheduleDone.writes(after: disposition, of: envelope.id, schedule: name, at: clusterTime ?? 0)
        return writes.map { write in
            ModelStateRecord(
                key: write.key.text,
                value: .schedule(write.value?.array),
                worker: number,
                assignment: assignment,
                partition: write.partition.map(Int.init)
            )
        }
    }
}
