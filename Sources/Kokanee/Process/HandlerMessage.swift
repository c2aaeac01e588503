internal import Glibc

/// A line that a handler process wrote about the job in its hands.
enum HandlerMessage: Equatable {
    /// - result: JSON, where the job has one.
    case completed(result: [UInt8]? = nil)
    /// It has ended before its work was done, because it was asked to; the job goes on later.
    case stopped
    /// - after: nil is for the retry policy to say.
    case retry(after: Duration?, error: String)
    case deadLetter(error: String)
    /// A share between 0 and 1.
    case progress(Double, note: String? = nil)
    /// JSON; nil takes the checkpoint away.
    case checkpoint([UInt8]?)
    /// The job may be in hand for so long from now.
    case extend(Duration)
    /// What it would have done, in a rehearsal.
    case effect(Effect)

    struct Failure: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    /// - Parameter id: the job's in hand; a message of another one is an error.
    init(line: UnsafeRawBufferPointer, id: String) throws(Failure) {
        if Self.isPlainSuccess(line, of: id) {
            self = .completed()
        } else {
            self = try HandlerMessage(line: Array(line), id: id)
        }
    }

    /// Whether a line is what nearly all are, to the letter: `{"id":"…","ok":true}`, with or without a space behind each
    /// colon and comma, and the id as it is.
    ///
    /// False says nothing. True says what the whole grammar would: the id has no character that JSON writes otherwise, so
    /// that its bytes between quotes are its spelling.
    static func isPlainSuccess(_ line: UnsafeRawBufferPointer, of id: String) -> Bool {
        var position = 0
        func skip(_ text: StaticString) -> Bool {
            let count = text.utf8CodeUnitCount
            guard position + count <= line.count, let base = line.baseAddress,
                memcmp(base + position, text.utf8Start, count) == 0
            else { return false }
            position += count
            return true
        }
        func skipSpace() {
            if position < line.count, line[position] == UInt8(ascii: " ") { position += 1 }
        }
        guard skip("{\"id\":") else { return false }
        skipSpace()
        guard skip("\"") else { return false }
        let isID = id.utf8.withContiguousStorageIfAvailable { id in
            guard position + id.count <= line.count else { return false }
            for (index, byte) in id.enumerated() {
                guard byte == line[position + index], 0x20..<0x7F ~= byte, byte != UInt8(ascii: "\""),
                    byte != UInt8(ascii: "\\")
                else { return false }
            }
            return true
        }
        guard isID == true else { return false }
        position += id.utf8.count
        guard skip("\",") else { return false }
        skipSpace()
        guard skip("\"ok\":") else { return false }
        skipSpace()
        return skip("true}") && position == line.count
    }

    /// As ``init(line:id:)-(UnsafeRawBufferPointer,_)``, by the whole grammar.
    init(line: [UInt8], id: String) throws(Failure) {
        let members: [(name: String, value: Range<Int>)]
        do throws(JSONText.Failure) {
            members = try JSONText.members(of: line)
        } catch {
            throw Failure(description: "wrote \(Self.excerpt(line)), which is \(error)")
        }
        func value(_ name: String) -> ArraySlice<UInt8>? {
            let value = members.last { $0.name == name }.map { line[$0.value] }
            return value.map { $0.elementsEqual("null".utf8) } == true ? nil : value
        }

        guard let rawID = value("id") else {
            throw Failure(description: "wrote \(Self.excerpt(line)), which has no id")
        }
        guard JSONText.string(rawID) == id else {
            throw Failure(description: "answered for job \(Self.excerpt(rawID)), but job \(id) was in its hands")
        }
        if let ok = value("ok") {
            switch Self.boolean(ok) {
            case true?: self = .completed(result: value("result").map(Array.init))
            case false?: self = try Self.failed(value)
            case nil:
                throw Failure(description: "answered \"ok\":\(Self.excerpt(ok)), which is neither true nor false")
            }
        } else if let progress = value("progress") {
            guard let share = Double(String(decoding: progress, as: UTF8.self)), 0...1 ~= share else {
                throw Failure(description: "wrote a progress of \(Self.excerpt(progress)), not a number from 0 to 1")
            }
            self = .progress(share, note: value("note").flatMap { JSONText.string($0) })
        } else if let stopped = value("stopped") {
            guard Self.boolean(stopped) == true else {
                throw Failure(description: "answered \"stopped\":\(Self.excerpt(stopped)), which can only be true")
            }
            self = .stopped
        } else if let extend = value("extend") {
            guard let time = Self.delay(extend) else {
                throw Failure(
                    description: "wrote \"extend\":\(Self.excerpt(extend)), neither seconds nor a duration like 30s"
                )
            }
            self = .extend(time)
        } else if let effect = value("effect") {
            self = .effect(try Self.effect(effect))
        } else if members.contains(where: { $0.name == "checkpoint" }) {
            self = .checkpoint(value("checkpoint").map(Array.init))
        } else {
            throw Failure(
                description:
                    "wrote \(Self.excerpt(line)), which has no ok, stopped, progress, checkpoint, extend or effect"
            )
        }
    }

    private static func failed(_ value: (String) -> ArraySlice<UInt8>?) throws(Failure) -> HandlerMessage {
        let error = value("error").map { JSONText.string($0) ?? String(decoding: $0, as: UTF8.self) }
        let reason = error.flatMap { $0.isEmpty ? nil : $0 } ?? "the handler gave no reason"
        if let retry = value("retry") {
            guard let isRetried = boolean(retry) else {
                throw Failure(
                    description: "answered \"retry\":\(excerpt(retry)), which is neither true nor false"
                )
            }
            if !isRetried { return .deadLetter(error: reason) }
        }
        guard let after = value("retryAfter") else { return .retry(after: nil, error: reason) }
        guard let delay = delay(after) else {
            throw Failure(
                description: "answered \"retryAfter\":\(excerpt(after)), neither seconds nor a duration like 5m"
            )
        }
        return .retry(after: delay, error: reason)
    }

    /// `{"name":"email.send","detail":"to …"}`; the detail may be missing.
    private static func effect(_ raw: ArraySlice<UInt8>) throws(Failure) -> Effect {
        guard let fields = JSONFields(Array(raw)), let name = fields.string("name"), !name.isEmpty else {
            throw Failure(description: "wrote an effect of \(excerpt(raw)), not an object with a name")
        }
        return Effect(name, fields.string("detail") ?? "")
    }

    private static func boolean(_ raw: ArraySlice<UInt8>) -> Bool? {
        raw.elementsEqual("true".utf8) ? true : raw.elementsEqual("false".utf8) ? false : nil
    }

    /// Seconds as a number, or a duration as the command line has it: `500ms`, `30s`, `5m`, `1h`, `2d`, `PT5M`.
    private static func delay(_ raw: ArraySlice<UInt8>) -> Duration? {
        if let text = JSONText.string(raw) { return try? Duration(text: text) }
        // At most what a text may say, which keeps sums with times far from any overflow.
        guard let seconds = Double(String(decoding: raw, as: UTF8.self)),
            0...Double(Duration.longestText.components.seconds) ~= seconds
        else { return nil }
        return .seconds(seconds)
    }

    private static func excerpt(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(200), as: UTF8.self).debugDescription
        return bytes.count > 200 ? text + "…" : text
    }
}
