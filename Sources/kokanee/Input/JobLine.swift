internal import Kokanee
internal import RdKafka

/// A job as a line of newline-delimited JSON says it.
struct JobLine: Sendable, Equatable {
    var type: String
    /// The payload as it was written.
    var data: [UInt8]
    var key: String?
    var id: String?
    var delay: Duration?
    /// Milliseconds since the epoch.
    var at: Int64?
    var idempotencyKey: String?
    var priority = Priority.normal

    /// What is wrong with a line.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let line: Int
        let message: String

        var description: String { "line \(line): \(message)" }
    }

    private static let names = ["type", "data", "key", "id", "delay", "at", "idempotencyKey", "priority"]

    /// - Parameters:
    ///   - defaultType: the type of lines that name none; nil makes that a problem.
    ///   - now: milliseconds since the epoch, for times such as `+10m`.
    /// - Throws: ``Problem``.
    init(_ line: LineSplitter.Line, defaultType: String? = nil, now: Int64) throws(Problem) {
        func problem(_ message: String) -> Problem { Problem(line: line.number, message: message) }

        let members: [(name: String, value: Range<Int>)]
        do {
            members = try JSONText.members(of: line.bytes)
        } catch {
            throw problem("\(error)")
        }
        var strings: [String: String] = [:]
        var data: Range<Int>?
        var seen: Set<String> = []
        for (name, range) in members {
            guard Self.names.contains(name) else {
                let hint = Suggestion.hint(for: name, among: Self.names)
                throw problem("unknown member \"\(name.onOneLine)\"\(hint)")
            }
            guard seen.insert(name).inserted else { throw problem("\"\(name)\" is there twice") }
            guard name != "data" else {
                data = range
                continue
            }
            guard let text = JSONText.string(line.bytes[range]) else {
                throw problem("\"\(name)\" must be a string")
            }
            strings[name] = text
        }
        guard let type = strings["type"] ?? defaultType else { throw problem("\"type\" is missing") }
        guard !type.isEmpty else { throw problem("\"type\" is empty") }
        guard let data else { throw problem("\"data\" is missing") }
        guard strings["id"] != "" else { throw problem("\"id\" is empty") }
        guard strings["delay"] == nil || strings["at"] == nil else {
            throw problem("\"delay\" and \"at\" exclude each other")
        }
        if let text = strings["priority"] {
            guard let priority = Priority(rawValue: text) else {
                throw problem("\"priority\" is high, normal or low, not \(text.onOneLine)")
            }
            self.priority = priority
        }
        self.type = type
        self.data = Array(line.bytes[data])
        key = strings["key"]
        id = strings["id"]
        idempotencyKey = strings["idempotencyKey"]
        do {
            delay = try strings["delay"].map { try Duration(text: $0) }
            at = try strings["at"].map { try Timestamp.parse($0, now: now) }
        } catch {
            throw problem("\(error)")
        }
    }

    /// The job to enqueue.
    var job: NewJob {
        var job = NewJob(type: type, payload: Bytes(data), contentType: "application/json")
        job.key = key.map { Bytes($0) }
        job.id = id
        job.delay = delay
        job.at = at
        job.idempotencyKey = idempotencyKey
        job.priority = priority
        return job
    }
}
