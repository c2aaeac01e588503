internal import Foundation
internal import Kokanee
internal import RdKafka

/// A job's state as people and programs read it.
struct JobStateText {
    /// What is shown where it can't be told where the fields are that are not to be seen.
    static let withheld = "withheld: it is no JSON, and where --redact's fields are in it can't be told"

    let state: JobState
    /// What of checkpoint and result is not to be shown.
    var redaction = Redaction.none

    /// One object: how far the job is, or how it has ended.
    func json(showsCheckpoint: Bool = true) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("id", state.id)
        object.add("partition", state.partition)
        object.add("attempt", state.attempt)
        object.add("at", state.at)
        object.add("ending", state.ending)
        if let progress = state.progress { object.add("progress", progress) }
        if let note { object.add("note", note) }
        if let checkpoint = state.checkpoint {
            object.add("checkpointBytes", checkpoint.count)
            if showsCheckpoint { add("checkpoint", checkpoint, to: &object) }
        }
        if let result = state.result { add("result", result, to: &object) }
        if let error { object.add("error", error) }
        if let expiresAt = state.expiresAt { object.add("expiresAt", expiresAt) }
        return object
    }

    /// What went wrong, as it may be shown.
    var error: String? { state.error.map(redaction.text) }

    /// The result as it may be shown; nil where there is none, and where it can't be told where the fields are in it.
    var result: Bytes? { state.result.flatMap { redaction.payload($0.array) }.map { Bytes($0) } }

    private var note: String? { state.note.map(redaction.text) }

    private func add(_ name: String, _ payload: Bytes, to object: inout JSONObjectWriter) {
        if let shown = redaction.payload(payload.array) {
            object.add(name, payload: Bytes(shown))
        } else {
            object.addNull("\(name)Base64")
        }
    }

    /// A line a fact.
    var text: String {
        var lines = [
            ("job", state.id), ("partition", "\(state.partition)"), ("state", state.ending?.rawValue ?? "goes on"),
        ]
        if let progress = state.progress {
            let note = note.map { ", \($0.onOneLine)" } ?? ""
            lines.append(("progress", "\((progress * 1000).rounded() / 10) %\(note)"))
        } else if let note {
            lines.append(("progress", note.onOneLine))
        }
        if let checkpoint = state.checkpoint {
            lines.append(("checkpoint", "\(checkpoint.count) bytes: \(excerpt(checkpoint))"))
        }
        if let result = state.result { lines.append(("result", "\(result.count) bytes: \(excerpt(result))")) }
        if let error { lines.append(("error", error.onOneLine)) }
        lines.append(("attempt", "\(state.attempt)"))
        lines.append(("written at", Timestamp.text(state.at)))
        if let expiresAt = state.expiresAt { lines.append(("kept until", Timestamp.text(expiresAt))) }
        return lines.map { "\($0.0):".padding(toLength: 12, withPad: " ", startingAt: 0) + " \($0.1)" }
            .joined(separator: "\n")
    }

    /// A result as it is written to a terminal or a pipe: text as it is, other bytes in Base64.
    static func line(_ result: Bytes) -> String {
        String(validating: result.array, as: UTF8.self) ?? Data(result.array).base64EncodedString()
    }

    private func excerpt(_ bytes: Bytes) -> String {
        redaction.payload(bytes.array).map { SafeText.line(Self.line(Bytes($0)), limit: 200) } ?? Self.withheld
    }
}

extension JSONObjectWriter {
    mutating func add(_ name: String, _ ending: JobState.Ending?) {
        if let ending { add(name, ending.rawValue) } else { addNull(name) }
    }

    /// JSON as it is; other bytes in Base64 under the name with `Base64` behind it.
    mutating func add(_ name: String, payload: Bytes) {
        let bytes = payload.array
        if JSONText.isValid(bytes) {
            add(name, json: bytes.span.bytes)
        } else {
            add("\(name)Base64", Data(bytes).base64EncodedString())
        }
    }
}
