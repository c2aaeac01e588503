internal import Foundation
internal import RdKafka

/// A job as the handler protocol writes it to a process's standard input: one line of JSON.
enum HandlerRequest {
    /// `{"id","type","version","attempt","key","source","data","firstFailedAt"?}` and a line break.
    ///
    /// `data` is the payload as its producer spelt it, but for line breaks between tokens; null where it is empty. Bytes
    /// that are not JSON are `dataBase64` in its place, and a key that is not UTF-8 is `keyBase64`. `source` is
    /// `topic/partition/offset` of the record that the attempt was read from.
    static func line(_ payload: Bytes, _ context: JobContext) -> [UInt8] {
        var writer = JSONObjectWriter(reservingCapacity: payload.count + 256)
        writer.add("id", context.id)
        writer.add("type", context.type)
        writer.add("version", context.version)
        writer.add("attempt", context.attempt)
        if let key = context.key {
            if let text = String(validating: key.array, as: UTF8.self) {
                writer.add("key", text)
            } else {
                writer.add("keyBase64", Data(key.array).base64EncodedString())
            }
        } else {
            writer.addNull("key")
        }
        writer.add("source", context.source.description)
        if payload.count == 0 {
            writer.addNull("data")
        } else {
            payload.withUnsafeBytes { bytes in
                if JSONText.isValid(bytes.bytes) {
                    writer.add("data", json: bytes.bytes)
                } else {
                    writer.add("dataBase64", Data(bytes).base64EncodedString())
                }
            }
        }
        if let firstFailedAt = context.envelope.firstFailedAt { writer.add("firstFailedAt", firstFailedAt) }
        var line = writer.finish()
        line.append(UInt8(ascii: "\n"))
        return line
    }
}
