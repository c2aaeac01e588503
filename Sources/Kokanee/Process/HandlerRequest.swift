internal import Foundation
internal import RdKafka

/// A job as the handler protocol writes it to a process's standard input: one line of JSON.
enum HandlerRequest {
    /// `{"id","type","version","attempt","key","source","data","firstFailedAt"?,"checkpoint"?,"replay"?,
    /// "rehearsal"?,"traceparent"?,"tracestate"?}` and a line break.
    ///
    /// `replay` is the id of the replay that the attempt belongs to; `rehearsal` is there, and true, where nothing that the
    /// job does may have an effect.
    ///
    /// `data` is the payload as its producer spelt it, but for line breaks between tokens; null where it is empty. Bytes
    /// that are not JSON are `dataBase64` in its place, and a key that is not UTF-8 is `keyBase64`. `source` is
    /// `topic/partition/offset` of the record that the attempt was read from.
    static func line(_ payload: Bytes, _ context: JobContext, checkpoint: Bytes? = nil) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(payload.count + context.id.utf8.count + context.type.utf8.count + 192)
        append(payload, context, checkpoint: checkpoint, to: &line)
        return line
    }

    /// Appends a ``line(_:_:checkpoint:)``.
    static func append(_ payload: Bytes, _ context: JobContext, checkpoint: Bytes? = nil, to line: inout [UInt8]) {
        // Every job takes this path: names are written as they stand, numbers and text without a string in between.
        line.append("{\"id\":")
        JSONText.appendEscaped(context.id, to: &line)
        line.append(",\"type\":")
        JSONText.appendEscaped(context.type, to: &line)
        line.append(",\"version\":")
        line.append(decimal: Int64(context.version))
        line.append(",\"attempt\":")
        line.append(decimal: Int64(context.attempt))
        append(key: context.key, to: &line)
        line.append(",\"source\":")
        append(context.source, to: &line)
        payload.withUnsafeBytes { bytes in
            if bytes.isEmpty {
                line.append(",\"data\":null")
            } else if JSONText.isValid(bytes.bytes) {
                line.append(",\"data\":")
                JSONText.appendSingleLine(bytes.bytes, to: &line)
            } else {
                line.append(",\"dataBase64\":\"")
                line.append(contentsOf: Data(bytes).base64EncodedString().utf8)
                line.append("\"")
            }
        }
        if let firstFailedAt = context.firstFailedAt {
            line.append(",\"firstFailedAt\":")
            line.append(decimal: firstFailedAt)
        }
        checkpoint?.withUnsafeBytes { bytes in
            if JSONText.isValid(bytes.bytes) {
                line.append(",\"checkpoint\":")
                JSONText.appendSingleLine(bytes.bytes, to: &line)
            } else {
                line.append(",\"checkpointBase64\":\"")
                line.append(contentsOf: Data(bytes).base64EncodedString().utf8)
                line.append("\"")
            }
        }
        if let replay = context.replay {
            line.append(",\"replay\":")
            JSONText.appendEscaped(replay, to: &line)
        }
        if context.isRehearsal { line.append(",\"rehearsal\":true") }
        if let trace = context.traceContext {
            line.append(",\"traceparent\":")
            JSONText.appendEscaped(trace.traceparent, to: &line)
            if let state = trace.state {
                line.append(",\"tracestate\":")
                JSONText.appendEscaped(state, to: &line)
            }
        }
        line.append("}\n")
    }

    private static func append(key: Bytes?, to line: inout [UInt8]) {
        guard let key else { return line.append(",\"key\":null") }
        key.withUnsafeBytes { bytes in
            if bytes.allSatisfy({ $0 < 0x7F && !JSONText.needsEscape($0) }) {
                line.append(",\"key\":\"")
                line.append(contentsOf: bytes)
                line.append("\"")
            } else if let text = String(validating: bytes, as: UTF8.self) {
                line.append(",\"key\":")
                JSONText.appendEscaped(text, to: &line)
            } else {
                line.append(",\"keyBase64\":\"")
                line.append(contentsOf: Data(bytes).base64EncodedString().utf8)
                line.append("\"")
            }
        }
    }

    private static func append(_ source: Envelope.Origin, to line: inout [UInt8]) {
        // The topic in its quotes; the last of them moves behind the numbers.
        JSONText.appendEscaped(source.topic, to: &line)
        line.removeLast()
        line.append("/")
        line.append(decimal: Int64(source.partition))
        line.append("/")
        line.append(decimal: source.offset)
        line.append("\"")
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    fileprivate mutating func append(decimal number: Int64) {
        DecimalText.withBytes(of: number) { append(contentsOf: $0) }
    }
}
