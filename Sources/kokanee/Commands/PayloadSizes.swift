internal import Kokanee
internal import RdKafka

/// The payloads of enqueued jobs that are so large that somebody should hear of it, by type.
struct PayloadSizes: Sendable, Equatable {
    private struct Large: Equatable {
        var count = 0
        var largest = 0

        mutating func note(_ size: Int) {
            count += 1
            largest = max(largest, size)
        }
    }

    /// Types are the input's to name.
    private static let mostTypes = 20

    private var large: [String: Large] = [:]

    mutating func note(_ job: NewJob) {
        let size = job.payload?.count ?? 0
        guard size > PayloadLimits.defaultWarning, large[job.type] != nil || large.count < Self.mostTypes else {
            return
        }
        large[job.type, default: Large()].note(size)
    }

    /// A line for each type, sorted.
    var warnings: [String] {
        large.sorted { $0.key < $1.key }.map { type, large in
            let jobs = large.count == 1 ? "1 job" : "\(large.count) jobs"
            return "\(Program.name): \(jobs) of type \(type.onOneLine) with a payload above "
                + "\(PayloadLimits.defaultWarning >> 10) KiB, the largest of \(large.largest) bytes. "
                + "Enqueue where the data is, such as an id or a path, not the data"
        }
    }
}
