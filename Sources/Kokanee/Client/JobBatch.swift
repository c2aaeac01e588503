internal import RdKafka

/// Jobs that are enqueued together, as the records that librdkafka is given one by one.
///
/// What their headers have in common is written once; what is random is drawn once, so that a job that has to be
/// produced again has the same id.
final class JobBatch: RecordSource {
    private let jobs: [NewJob]
    /// Empty where all jobs have ids of their own.
    private let uuids: [UUIDv7]
    private let stamp: EnqueueStamp
    private let topic: String
    /// Nil where all jobs are of the normal priority.
    private let queue: Queue?

    /// - Parameter jobs: of which each has passed ``NewJob/check(at:)`` with the stamp's time.
    init(_ jobs: [NewJob], to queue: Queue, stamp: EnqueueStamp) {
        self.jobs = jobs
        topic = queue.mainTopic
        self.queue = jobs.indices.contains { !jobs[$0].priority.isNormal } ? queue : nil
        self.stamp = stamp
        // Of an element only what is asked for is touched: a copy of it would count references to all its parts.
        if jobs.indices.contains(where: { jobs[$0].id == nil }) {
            var generator = SystemRandomPool(expecting: jobs.count * 2)
            uuids = jobs.indices.map { _ in UUIDv7(at: stamp.now, using: &generator) }
        } else {
            uuids = []
        }
    }

    var count: Int { jobs.count }

    func id(of index: Int) -> JobID {
        jobs[index].id.map { .given($0) } ?? .made(uuids[index])
    }

    func topic(of index: Int) -> String { queue?.topic(of: jobs[index].priority) ?? topic }

    func offer(_ index: Int, to sink: inout RecordSink) {
        precondition(jobs.indices.contains(index))
        // For the same reason it goes by the element's address, which is valid as long as the closure runs.
        jobs.withUnsafeBufferPointer { jobs in
            let job = jobs.baseAddress! + index
            sink.begin(topic: queue?.topic(of: job.pointee.priority) ?? topic, headers: 10 + job.pointee.headers.count)
            let id = job.pointee.id.map { JobID.given($0) } ?? .made(uuids[index])
            NewJob.writeHeaders(of: job, id: id, stamp, to: &sink)
            let key = NewJob.recordKey(of: job)
            sink.send(partition: nil, key: key, value: job.pointee.payload, timestamp: stamp.now)
        }
    }

    /// The most bytes that the record takes on the wire, to which librdkafka holds its `message.max.bytes`.
    func size(of index: Int) -> Int {
        let overhead = 64
        let job = jobs[index]
        var size = HeaderSize()
        job.writeHeaders(id: id(of: index), stamp, to: &size)
        return overhead + (job.recordKey?.count ?? 0) + (job.payload?.count ?? 0) + size.bytes
    }

    func payloadSize(of index: Int) -> Int { jobs[index].payload?.count ?? 0 }
}

/// Some of a batch's jobs.
final class JobBatchPart: RecordSource {
    private let batch: JobBatch
    private let indices: [Int]

    init(_ indices: [Int], of batch: JobBatch) {
        self.batch = batch
        self.indices = indices
    }

    var count: Int { indices.count }
    func topic(of index: Int) -> String { batch.topic(of: indices[index]) }
    func offer(_ index: Int, to sink: inout RecordSink) { batch.offer(indices[index], to: &sink) }
}

/// Who enqueues, and when.
struct EnqueueStamp: Sendable {
    let source: String
    /// Milliseconds since the epoch.
    let now: Int64
    /// ``now`` as `ce_time` has it.
    let time: String

    init(source: String, now: Int64) {
        self.source = source
        self.now = now
        time = Timestamp.text(now)
    }
}
