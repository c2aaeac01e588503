internal import Kokanee
internal import RdKafka

/// A job as a line of newline-delimited JSON says it.
struct JobLine: Sendable, Equatable {
    var type: String
    /// The payload as it was written.
    var data: [UInt8]
    /// The payload's.
    var version: Int?
    var key: String?
    var id: String?
    var delay: Duration?
    /// Milliseconds since the epoch.
    var at: Int64?
    var expires: Duration?
    var idempotencyKey: String?
    var priority: Priority?
    var idempotencyWindow: Duration?
    var unique: Uniqueness?
    var keepResult: Duration?
    /// It is carried, valid or not.
    var traceparent: String?

    /// What is wrong with a line.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let line: Int
        let message: String

        var description: String { "line \(line): \(message)" }
    }

    private static let names = [
        "type", "data", "version", "key", "id", "delay", "at", "expires", "idempotencyKey", "idempotencyWindow",
        "priority", "unique", "uniqueKey", "uniqueFor", "keepResult", "traceparent",
    ]

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
            guard name != "version" else {
                let text = String(decoding: line.bytes[range], as: UTF8.self)
                guard let number = Int32(text), number >= 1 else {
                    throw problem("\"version\" is a whole number from 1 to \(Int32.max), not \(text.onOneLine)")
                }
                version = Int(number)
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
        traceparent = strings["traceparent"]
        func parsed<Value>(_ name: String, _ parse: (String) throws -> Value) throws(Problem) -> Value? {
            do {
                return try strings[name].map(parse)
            } catch {
                throw problem("\"\(name)\": \(error)")
            }
        }
        idempotencyWindow = try parsed("idempotencyWindow") { try Duration(text: $0) }
        delay = try parsed("delay") { try Duration(text: $0) }
        at = try parsed("at") { try Timestamp.parse($0, now: now) }
        expires = try parsed("expires") { try Duration(text: $0) }
        keepResult = try parsed("keepResult") { try Duration(text: $0) }
        let uniqueFor = try parsed("uniqueFor") { try Duration(text: $0) }
        guard let text = strings["unique"] else {
            guard uniqueFor == nil, strings["uniqueKey"] == nil else {
                throw problem("\"uniqueKey\" and \"uniqueFor\" are for \"unique\"")
            }
            return
        }
        guard let until = Uniqueness.Until(text: text) else {
            throw problem("\"unique\" is start or done, not \(text.onOneLine)")
        }
        unique = .unique(until: until, for: uniqueFor ?? Uniqueness.usualLimit, key: strings["uniqueKey"])
    }

    /// The job to enqueue.
    var job: NewJob {
        var job = NewJob(type: type, payload: Bytes(data), contentType: "application/json")
        if let version { job.version = version }
        job.key = key.map { Bytes($0) }
        job.id = id
        job.delay = delay
        job.at = at
        job.idempotencyKey = idempotencyKey
        if let priority { job.priority = priority }
        job.idempotencyWindow = idempotencyWindow
        job.expiresAfter = expires
        job.unique = unique
        job.keepResult = keepResult
        if let traceparent { job.traceparent = traceparent }
        return job
    }
}
