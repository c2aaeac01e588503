/// A job that holds its partition's watermark and has the right to: it runs within its time, or has said lately that it goes
/// on; or it waits, in its lane, behind one that does.
public struct RunningJob: Sendable, Hashable {
    /// Where the job stands that holds the watermark: `topic/partition/offset`.
    public var place: String
    /// Since when the job runs, or the one that it waits behind, in milliseconds since the epoch by the worker's clock.
    public var since: Int64
    /// The id of the job that it waits behind; nil where it runs itself.
    public var behind: String?

    public init(place: String, since: Int64, behind: String? = nil) {
        self.place = place
        self.since = since
        self.behind = behind
    }

    var json: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("at", place)
        object.add("since", since)
        if let behind { object.add("behind", behind) }
        return object
    }

    init?(json bytes: [UInt8]) {
        guard let fields = JSONFields(bytes), let place = fields.string("at"), let since = fields.time("since")
        else { return nil }
        self.init(
            place: SafeText.line(place, limit: 300),
            since: since,
            behind: fields.string("behind").map { SafeText.line($0, limit: 200) }
        )
    }
}

extension WatchObservation.Engine {
    /// The jobs of a queue that hold watermarks and have the right to.
    ///
    /// - Parameter wall: now, in milliseconds since the epoch.
    func running(in queue: Int32, wall: Int64) -> [RunningJob] {
        partitions.compactMap { partition in
            guard partition.queue == queue, let holder = partition.holder, holder.isInTime else { return nil }
            let (age, behind): (Duration, String?) =
                switch holder.activity {
                case .running(let age): (age, nil)
                case .waiting(let job, let age): (age ?? .zero, job.map { SafeText.line($0.id, limit: 200) })
                default: (.zero, nil)
                }
            return RunningJob(place: holder.job.place, since: max(0, wall - age.milliseconds), behind: behind)
        }
    }

    /// The places of the jobs of a queue that hold watermarks because a limit holds them.
    func limited(in queue: Int32) -> [String] {
        partitions.compactMap { partition in
            guard partition.queue == queue, let holder = partition.holder, holder.activity == .limited else {
                return nil
            }
            return holder.job.place
        }
    }
}
