internal import Glibc
internal import RdKafka

/// What all jobs are but the few that have a history: a CloudEvent in binary mode, or a record without any of its
/// headers, that carries no retry state, no due time, no expiry, and no attribute that needs a second look.
///
/// It is read in one pass that makes nothing; ``Envelope/decode(_:defaultType:)``, which reads everything, would read the
/// same of it.
struct PlainJob {
    /// Nil where the record has no CloudEvents headers.
    private(set) var id: ShortID?
    /// What runs it; nil where nothing does.
    private(set) var entry: Unmanaged<JobRegistry.Entry>?
    private(set) var version: Int32 = 1
    /// About what the record's headers take in memory, in bytes; as ``HeaderScan/size``.
    private(set) var size = 0
    /// Whether it belongs to a trace, or says so.
    private(set) var hasTrace = false
    private var hasSpecVersion = false
    private var hasSource = false
    private var hasType = false
    private var isPlain = true

    /// ``HeaderName/prefix``.
    private static let ours: StaticString = "kokanee-"

    private init() {}

    /// Nil where the record is anything else.
    static func read(_ message: ConsumedMessage, _ runtime: QueueRuntime) -> PlainJob? {
        var job = PlainJob()
        let isReadable = message.forEachHeader { name, value in
            job.size += name.count + (value?.count ?? 0) + HeaderScan.overhead
            if job.isPlain { job.isPlain = job.take(name, value, runtime) }
        }
        guard isReadable, job.isPlain else { return nil }
        if job.hasSpecVersion && job.hasType && job.id != nil { return job }
        guard !job.hasSpecVersion, !job.hasSource, !job.hasType, job.id == nil else { return nil }
        job.entry = runtime.handlers.entry(named: runtime.queue.defaultType)
        // Without the others the header says nothing.
        job.version = 1
        return job
    }

    /// False for what is not plain.
    private mutating func take(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        _ runtime: QueueRuntime
    ) -> Bool {
        guard let start = name.baseAddress else { return true }
        func isNamed(_ text: StaticString) -> Bool { memcmp(start, text.utf8Start, name.count) == 0 }
        // The case's number is the length of the texts in it.
        switch name.count {
        case 5 where isNamed("ce_id"):
            guard let value, Self.isPlainText(value) else { return false }
            id = ShortID(value)
            return id != nil
        case 7 where isNamed("ce_type"):
            guard let value, Self.isPlainText(value) else { return false }
            hasType = true
            entry = runtime.handlers[value]
        case 9 where isNamed("ce_source"): hasSource = true
        case 11 where isNamed("traceparent"): hasTrace = true
        case 12 where isNamed("content-type"): return !Self.isCloudEvent(value)
        case 14 where isNamed("ce_specversion"):
            hasSpecVersion = true
            return value.map { $0.count == 3 && $0[0] == 0x31 && $0[1] == 0x2E && $0[2] == 0x30 } ?? false
        case 14 where isNamed("ce_traceparent"): hasTrace = true
        case 20 where isNamed("ce_dataschemaversion"):
            // Int32 reads more than digits without a leading zero, and is asked about the rest.
            guard let value, value.count <= 9, let first = value.first,
                (UInt8(ascii: "1")...UInt8(ascii: "9")) ~= first,
                let version = DecimalText.parse(value)
            else { return false }
            self.version = Int32(version)
        case 8...: return memcmp(start, Self.ours.utf8Start, Self.ours.utf8CodeUnitCount) != 0
        default: break
        }
        return true
    }

    /// Printable ASCII, which is what ``HeaderScan/attribute(_:)`` takes without a second look.
    static func isPlainText(_ value: UnsafeRawBufferPointer) -> Bool {
        guard (1...Envelope.longestName).contains(value.count) else { return false }
        var position = 0
        // A byte below 0x20, or above 0x7E, shows in the upper bit of its difference or sum.
        while position + 8 <= value.count {
            let word = value.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let high = word | ((word & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x0101_0101_0101_0101)
            let low = (word | 0x8080_8080_8080_8080) &- 0x2020_2020_2020_2020
            guard (high | ~low) & 0x8080_8080_8080_8080 == 0 else { return false }
            position += 8
        }
        while position < value.count {
            guard (0x20...0x7E) ~= value[position] else { return false }
            position += 1
        }
        return true
    }

    static func isCloudEvent(_ value: UnsafeRawBufferPointer?) -> Bool {
        let prefix: StaticString = "application/cloudevents"
        guard let value, value.count >= prefix.utf8CodeUnitCount else { return false }
        for index in 0..<prefix.utf8CodeUnitCount where value[index] | 0x20 != prefix.utf8Start[index] | 0x20 {
            return false
        }
        return true
    }
}

/// An id of a few bytes, such as a UUID, that needs no memory of its own.
struct ShortID {
    private var bytes: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
    private let count: UInt8

    /// Nil where it is too long.
    init?(_ id: UnsafeRawBufferPointer) {
        guard id.count <= MemoryLayout.size(ofValue: bytes) else { return nil }
        count = UInt8(id.count)
        withUnsafeMutableBytes(of: &bytes) { $0.copyMemory(from: id) }
    }

    var text: String {
        withUnsafeBytes(of: bytes) { String(decoding: $0.prefix(Int(count)), as: UTF8.self) }
    }
}
