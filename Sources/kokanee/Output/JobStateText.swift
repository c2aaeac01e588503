internal import Foundation
internal import Kokanee
internal import RdKafka

/// A job's state as people and programs read it.
struct JobStateText {
    let state: JobState

    /// One object: how far the job is, or how it has ended.
    func json(showsCheckpoint: Bool = true) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("id", state.id)
        object.add("partition", state.partition)
        object.add("attempt", state.attempt)
        object.add("at", state.at)
        object.add("ending", state.ending)
        if let progress = state.progress { object.add("progress", progress) }
        if let note = state.note { object.add("note", note) }
        if let checkpoint = state.checkpoint {
            object.add("checkpointBytes", checkpoint.count)
            if showsCheckpoint { object.add("checkpoint", payload: checkpoint) }
        }
        if let result = state.result { object.add("result", payload: result) }
        if let error = state.error { object.add("error", error) }
        if let expiresAt = state.expiresAt { object.add("expiresAt", expiresAt) }
        return object
    }

    /// A line a fact.
    var text: String {
        var lines = [
            ("job", state.id), ("partition", "\(state.partition)"), ("state", state.ending?.rawValue ?? "goes on"),
        ]
        if let progress = state.progress {
            let note = state.note.map { ", \($0)" } ?? ""
            lines.append(("progress", "\((progress * 1000).rounded() / 10) %\(note)"))
        } else if let note = state.note {
            lines.append(("progress", note))
        }
        if let checkpoint = state.checkpoint {
            lines.append(("checkpoint", "\(checkpoint.count) bytes: \(Self.excerpt(checkpoint))"))
        }
        if let result = state.result { lines.append(("result", "\(result.count) bytes: \(Self.excerpt(result))")) }
        if let error = state.error { lines.append(("error", error)) }
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

    private static func excerpt(_ bytes: Bytes) -> String {
        SafeText.line(line(bytes), limit: 200)
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
