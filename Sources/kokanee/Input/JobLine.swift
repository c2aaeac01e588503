internal import Kokanee

/// A job as a line of newline-delimited JSON says it.
struct JobLine: Sendable, Equatable {
    var type: String
    /// The payload as it was written.
    var data: [UInt8]
    var key: String?
    var id: String?
    /// Not to be started before: milliseconds since the epoch, from `delay` or `at`.
    var dueAt: Int64?
    var idempotencyKey: String?

    /// What is wrong with a line.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let line: Int
        let message: String

        var description: String { "line \(line): \(message)" }
    }

    private static let names = ["type", "data", "key", "id", "delay", "at", "idempotencyKey"]

    /// - Parameters:
    ///   - defaultType: the type of lines that name none; nil makes that a problem.
    ///   - now: milliseconds since the epoch, for `delay`.
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
        self.type = type
        self.data = Array(line.bytes[data])
        key = strings["key"]
        id = strings["id"]
        idempotencyKey = strings["idempotencyKey"]
        do {
            dueAt = try Self.dueAt(delay: strings["delay"], at: strings["at"], now: now)
        } catch {
            throw problem("\(error)")
        }
    }

    /// When a job of this delay or time is due; nil where neither is given.
    static func dueAt(delay: String?, at time: String?, now: Int64) throws -> Int64? {
        if let delay { return now + (try Duration(text: delay)).milliseconds }
        return try time.map { try Timestamp.parse($0, now: now) }
    }
}
