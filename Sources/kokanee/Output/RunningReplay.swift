internal import Kokanee
internal import RdKafka

/// A side replay that has not ended, in a line of its queue's status.
struct RunningReplay {
    private let record: ReplayRecord
    private let progress: ReplayProgress
    /// Milliseconds since it began.
    private let age: Int64

    init(_ record: ReplayRecord, _ progress: ReplayProgress, now: Int64) {
        self.record = record
        self.progress = progress
        age = max(0, now - record.beginning.at)
    }

    /// Those of a queue, the oldest first. Of one that can't be read it is told, and the others are.
    static func all(
        of queue: Queue,
        _ client: ClientConfiguration,
        _ console: Console
    ) async throws -> [RunningReplay] {
        let records = try await ReplayBook(client).records(queue: queue.mainTopic).filter {
            $0.beginning.kind == .side && $0.result == nil
        }
        var replays: [RunningReplay] = []
        for record in records {
            do {
                let progress = try await SideReplay.progress(of: record, client)
                replays.append(RunningReplay(record, progress, now: Timestamp.now))
            } catch let error where !(error is CancellationError) && (error as? KafkaError)?.meansNoBroker != true {
                console.complain("replay \(record.id) of \(queue.mainTopic) can't be read: \(error)".onOneLine)
            }
        }
        return replays
    }

    var line: String {
        let state = ReplayReport.state(record)
        var text = "replay \(record.id) \(state), \(Int(progress.fraction * 100)) %: "
        text += "\(progress.done) of \(progress.records) records, \(progress.retrying) retrying, \(progress.dead) dead"
        // From the average since it began, which a pause makes longer than it will be.
        if state == "running", progress.fraction > 0.001, progress.fraction < 1 {
            let left = Double(age) * (1 - progress.fraction) / progress.fraction
            text += ", about \(StatusReport.age(Int64(min(left, 1e15)))) left"
        }
        return text
    }

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("replay", record.id)
        object.add("state", ReplayReport.state(record))
        object.add("group", record.beginning.group)
        object.add("records", progress.records)
        object.add("done", progress.done)
        object.add("retrying", progress.retrying)
        object.add("dead", progress.dead)
        return object
    }
}
