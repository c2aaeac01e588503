internal import Foundation
internal import Kokanee
internal import RdKafka

/// Dead letters as tables, pages and JSON.
struct DeadLetterOutput {
    /// Rows that wait for their widths; a longer table is several.
    private static let rowsATable = 10_000
    private static let bytesShown = 512

    private let console: Console
    private var table = Self.emptyTable
    private var rows = 0

    private static var emptyTable: Table {
        Table([
            .text("id"), .text("type"), .number("attempts"), .text("died"), .text("origin"), .text("verdict"),
            .text("error"),
        ])
    }

    init(console: Console) {
        self.console = console
    }

    static func count(_ letters: Int) -> String {
        letters == 1 ? "1 dead letter" : "\(letters) dead letters"
    }

    /// A row, or a line of JSON.
    mutating func add(_ letter: DeadLetter) throws {
        guard !console.isJSON else { return try console.print(object(letter)) }
        let envelope = letter.envelope
        table.add([
            envelope.id, envelope.type, "\(letter.attempts)", Timestamp.text(letter.diedAt),
            envelope.origin?.description ?? "-", letter.verdict?.rawValue ?? "-",
            Self.cut(envelope.lastError.map(redaction.text) ?? letter.reason?.rawValue ?? "-"),
        ])
        rows += 1
        if rows == Self.rowsATable { try flush() }
    }

    /// Prints the rows that wait.
    mutating func flush() throws {
        try console.print(table)
        table = Self.emptyTable
        rows = 0
    }

    private static func cut(_ text: String) -> String {
        text.count > 100 ? text.prefix(99) + "…" : text
    }

    private var redaction: Redaction { console.redaction }

    private func object(_ letter: DeadLetter) -> JSONObjectWriter {
        let envelope = letter.envelope
        var object = JSONObjectWriter(reservingCapacity: 512)
        object.add("id", envelope.id)
        object.add("type", envelope.type)
        object.add("version", envelope.version)
        object.add("key", orNull: letter.key?.text)
        object.add("attempts", letter.attempts)
        object.add("reason", orNull: letter.reason?.rawValue)
        object.add("firstError", orNull: envelope.firstError.map(redaction.text))
        object.add("lastError", orNull: envelope.lastError.map(redaction.text))
        object.add("firstFailedAt", orNull: envelope.firstFailedAt)
        object.add("diedAt", letter.diedAt)
        object.add("origin", orNull: envelope.origin?.description)
        object.add("verdict", orNull: letter.verdict?.rawValue)
        object.add("verdictAt", orNull: letter.verdictAt)
        object.add("verdictBy", orNull: letter.verdictBy)
        object.add("verdictReason", orNull: letter.verdictReason)
        return object
    }

    // MARK: - One whole

    /// A page, or a line of JSON: the fields of a listing, with headers, payload and who decided.
    func show(_ whole: WholeDeadLetter) throws {
        guard !console.isJSON else { return try console.print(object(whole)) }
        let letter = whole.letter
        let envelope = letter.envelope
        var lines: [(String, String)] = [
            ("job", envelope.id), ("type", "\(envelope.type), version \(envelope.version)"),
            ("key", letter.key?.text ?? "none"), ("letter", letter.place.description),
            ("origin", envelope.origin?.description ?? "not known"), ("attempts", "\(letter.attempts)"),
            ("reason", letter.reason?.rawValue ?? "not known"),
        ]
        if let failedAt = envelope.firstFailedAt { lines.append(("first failed", Timestamp.text(failedAt))) }
        if let error = envelope.firstError { lines.append(("first error", redaction.text(error))) }
        lines.append(("died", Timestamp.text(letter.diedAt)))
        if let error = envelope.lastError { lines.append(("last error", redaction.text(error))) }
        lines.append(("verdict", Self.verdict(whole)))
        for (name, value) in lines {
            let padding = String(repeating: " ", count: 14 - name.count)
            try console.print("\(name)\(padding)\(value.onOneLine)")
        }
        try console.print("headers")
        for header in whole.headers {
            try console.print("  \(header.name.onOneLine): \(value(of: header).map(Self.text) ?? "null")")
        }
        let count = whole.payload.count
        let (kind, payload) = payload(whole.payload.array)
        try console.print("payload       \(count == 0 ? "none" : "\(kind), \(count) bytes")")
        for line in payload { try console.print("  \(line.onOneLine)") }
        try console.print("")
    }

    private static func verdict(_ whole: WholeDeadLetter) -> String {
        guard let verdict = whole.letter.verdict else { return "none" }
        guard let settlement = whole.settlement else { return verdict.rawValue }
        let place = settlement.destination.map { ", to \($0)" } ?? ""
        let reason = settlement.reason.map { ": \($0)" } ?? ""
        return "\(verdict) \(Timestamp.text(settlement.at)) by \(settlement.by)\(place)\(reason)"
    }

    private static func text(_ value: Bytes) -> String {
        guard let text = String(validating: value.array, as: UTF8.self) else { return "\(value.count) bytes, not text" }
        return text.onOneLine
    }

    /// A header as it may be shown.
    private func value(of header: Header) -> Bytes? {
        guard let value = header.value, !redaction.isEmpty else { return header.value }
        guard !redaction.covers(header: header.name) else { return Bytes(Redaction.placeholder) }
        // What is not UTF-8 all through may have such a value all the same.
        let text = String(decoding: value.array, as: UTF8.self)
        let redacted = redaction.text(text)
        return redacted == text ? value : Bytes(redacted)
    }

    private func payload(_ bytes: [UInt8]) -> (kind: String, lines: [String]) {
        guard !bytes.isEmpty else { return ("none", []) }
        guard let bytes = redaction.payload(bytes) else {
            return ("no JSON", ["withheld: where --redact's fields are in it can't be told"])
        }
        if JSONText.isValid(bytes) { return ("JSON", PrettyJSON.lines(bytes)) }
        if let text = String(validating: bytes, as: UTF8.self) {
            return ("text", text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
        var lines = stride(from: 0, to: min(bytes.count, Self.bytesShown), by: 16).map { start in
            bytes[start..<min(start + 16, bytes.count)].map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(separator: " ")
        }
        if bytes.count > Self.bytesShown { lines.append("… all of it is in --json, as dataBase64") }
        return ("binary", lines)
    }

    private func object(_ whole: WholeDeadLetter) -> JSONObjectWriter {
        var object = object(whole.letter)
        object.add("letter", whole.letter.place.description)
        if let settlement = whole.settlement { object.add("verdictTo", orNull: settlement.destination) }
        // A name may occur more than once, which an object can't say.
        var headers = [UInt8(ascii: "[")]
        for header in whole.headers {
            if headers.count > 1 { headers.append(UInt8(ascii: ",")) }
            var pair = JSONObjectWriter()
            pair.add("name", header.name)
            pair.add("value", orNull: value(of: header)?.text)
            headers += pair.finish()
        }
        headers.append(UInt8(ascii: "]"))
        object.add("headers", json: headers.span.bytes)
        guard let payload = redaction.payload(whole.payload.array) else {
            object.addNull("dataBase64")
            return object
        }
        if JSONText.isValid(payload) {
            object.add("data", json: payload.span.bytes)
        } else {
            object.add("dataBase64", Data(payload).base64EncodedString())
        }
        return object
    }
}

extension JSONObjectWriter {
    fileprivate mutating func add(_ name: String, orNull value: String?) {
        if let value { add(name, value) } else { addNull(name) }
    }
}
