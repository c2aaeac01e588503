internal import FoundationEssentials
internal import RdKafka

/// What a queue's state topic keeps of one job, in the partition that has the job's number.
///
/// The key is `job/ID`, the value one JSON object; a tombstone where nothing is to be kept. Readers pass over keys of other
/// shapes, which belong to other kinds of records, and members that they don't know.
struct JobRecord: Sendable, Equatable {
    /// What a job hands on, as it gave it: JSON stands in the record as it is, other bytes in Base64 under the member's
    /// name with `Base64` behind it.
    struct Blob: Sendable, Equatable {
        var bytes: Bytes
    }

    /// Which of two records of a job is the newer one. A worker that stood still writes late, behind the records of the
    /// partition's next owner: that the log has it last doesn't make it the newest.
    struct Order: Sendable, Comparable {
        /// When the writer was assigned the partition, in milliseconds since the epoch; later than any that it had found.
        var epoch: Int64 = 0
        /// Rises with each record that this writer makes.
        var sequence: Int64 = 0

        init(epoch: Int64 = 0, sequence: Int64 = 0) {
            self.epoch = epoch
            self.sequence = sequence
        }

        /// As a record says. Anybody may have written it, and later epochs are to follow: one that no clock tells is none.
        init(readEpoch epoch: Int64, sequence: Int64) {
            self.init(epoch: (0...2 * Timestamp.latest).contains(epoch) ? epoch : 0, sequence: sequence)
        }

        static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.epoch, lhs.sequence) < (rhs.epoch, rhs.sequence)
        }
    }

    /// How a job has ended; nil in a record is that it has not.
    enum Outcome: String, Sendable {
        case completed
        case discarded
        case dead
        case cancelled
    }

    static let prefix: StaticString = "job/"
    /// Two weeks: longer than any job waits on the standard ladder, and than a dead letter should lie unseen.
    static let usualRetention = Duration.seconds(14 * 86_400)

    /// The attempt that wrote it.
    var attempt = 1
    /// When it was written, in milliseconds since the epoch.
    var at: Int64 = 0
    var order = Order()
    var checkpoint: Blob?
    /// From 0 to 1.
    var progress: Double?
    /// What the job said about its progress.
    var note: String?
    var outcome: Outcome?
    var result: Blob?
    /// Why there is no result, where the job did not complete.
    var error: String?
    /// When the record may go, in milliseconds since the epoch: the partition's owner takes it away then.
    var expiresAt: Int64?

    // MARK: - Keys

    static func key(of id: String) -> Bytes { Bytes("\(prefix)\(id)") }

    /// The id that a key names; nil where it is that of a record of another kind.
    static func id(ofKey key: Bytes?) -> String? {
        guard let key, key.count <= Envelope.longestName + prefix.utf8CodeUnitCount else { return nil }
        let text = key.text
        let start = "\(prefix)"
        return text.hasPrefix(start) ? String(text.dropFirst(start.count)) : nil
    }

    // MARK: - Writing

    var value: Bytes {
        var object = JSONObjectWriter(reservingCapacity: 160 + (checkpoint?.bytes.count ?? 0))
        object.add("attempt", attempt)
        object.add("at", at)
        object.add("epoch", order.epoch)
        object.add("sequence", order.sequence)
        if let expiresAt { object.add("expiresAt", expiresAt) }
        if let outcome { object.add("outcome", outcome.rawValue) }
        if let progress { object.add("progress", progress) }
        if let note { object.add("note", note) }
        if let error { object.add("error", error) }
        Self.add("checkpoint", checkpoint, to: &object)
        Self.add("result", result, to: &object)
        return Bytes(object.finish())
    }

    /// The record that takes the place of all that the topic has of the job.
    func record(of id: String) -> StateRecord {
        StateRecord(key: Self.key(of: id), value: value)
    }

    private static func add(_ name: String, _ blob: Blob?, to object: inout JSONObjectWriter) {
        guard let blob else { return }
        blob.bytes.withUnsafeBytes { bytes in
            // Line breaks between tokens would be lost.
            if !bytes.contains(where: { $0 == 0x0A || $0 == 0x0D }), JSONText.isValid(bytes.bytes) {
                object.add(name, json: bytes.bytes)
            } else {
                object.add("\(name)Base64", Data(bytes).base64EncodedString())
            }
        }
    }

    // MARK: - Reading

    init() {}

    /// Nil where the value is none of a job's.
    init?(value: Bytes) {
        let bytes = value.array
        guard let fields = JSONFields(bytes), let at = fields.integer("at"), at >= 0,
            let attempt = fields.integer("attempt"), (1...HeaderScan.maximumAttempt).contains(attempt)
        else { return nil }
        self.at = at
        self.attempt = Int(attempt)
        order = Order(readEpoch: fields.integer("epoch") ?? 0, sequence: fields.integer("sequence") ?? 0)
        expiresAt = fields.integer("expiresAt")
        outcome = fields.string("outcome").flatMap(Outcome.init)
        let progress = fields.raw("progress").flatMap { Double(String(decoding: $0, as: UTF8.self)) }
        self.progress = progress.flatMap { (0...1).contains($0) ? $0 : nil }
        note = fields.string("note")
        error = fields.string("error")
        checkpoint = Self.blob("checkpoint", fields)
        result = Self.blob("result", fields)
    }

    private static func blob(_ name: String, _ fields: JSONFields) -> Blob? {
        if let json = fields.raw(name) { return Blob(bytes: Bytes(json)) }
        guard let text = fields.string("\(name)Base64"), let data = Data(base64Encoded: text) else { return nil }
        return Blob(bytes: Bytes(Array(data)))
    }
}
