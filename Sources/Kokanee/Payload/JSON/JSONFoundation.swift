internal import Foundation

/// What stays with Foundation: its own types, numbers that are no short matter, and the last word on a payload that is
/// refused here.
enum JSONFoundation {
    // Both are Sendable and keep nothing between calls but their settings, which nobody changes after this.
    private static let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
    private static let decoder = JSONDecoder()

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        Array(try encoder.encode(value))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from text: UnsafeRawBufferPointer) throws -> Value {
        guard let start = text.baseAddress else { return try decoder.decode(type, from: Data()) }
        // Not copied: the decoder keeps nothing of the data, and values that are Data come from Base64.
        let data = Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: text.count, deallocator: .none)
        return try decoder.decode(type, from: data)
    }

    /// A text in UTF-16 or UTF-32, by its byte order mark or by where its first characters have zeros; nil where it is in
    /// neither.
    static func transcode(_ text: UnsafeRawBufferPointer) -> String? {
        func byte(_ index: Int) -> UInt8? { index < text.count ? text[index] : nil }
        let encoding: String.Encoding
        var mark = 0
        switch (byte(0), byte(1), byte(2), byte(3)) {
        case (0, 0, 0xFE, 0xFF): (encoding, mark) = (.utf32BigEndian, 4)
        // Foundation takes this for a mark of UTF-32, which it is not; so nothing is made of it here.
        case (0xFE, 0xFF, 0, 0): return nil
        case (0xFE, 0xFF, _, _): (encoding, mark) = (.utf16BigEndian, 2)
        case (0xFF, 0xFE, _, _): (encoding, mark) = (.utf16LittleEndian, 2)
        case (0, 0, 0, .some(1...)): encoding = .utf32BigEndian
        case (0, .some(1...), 0, .some(1...)), (0, .some(1...), nil, nil): encoding = .utf16BigEndian
        case (.some(1...), 0, 0, 0): encoding = .utf32LittleEndian
        case (.some(1...), 0, .some(1...), 0), (.some(1...), 0, nil, nil): encoding = .utf16LittleEndian
        default: return nil
        }
        let string = String(bytes: text.dropFirst(mark), encoding: encoding)
        return string?.unicodeScalars.first == "\u{FEFF}" ? nil : string
    }

    /// Types that Foundation's decoder makes of a JSON value itself, and not by their `init(from:)`.
    @inline(__always) static func isSpecial(_ type: any Any.Type) -> Bool {
        type == Data.self || type == URL.self || type == Decimal.self
    }

    @inline(never)
    static func special<Value: Decodable>(_ type: Value.Type, at index: UInt32, of tape: JSONTape) throws -> Value {
        if tape.isNull(index) { throw tape.missing(type, at: index) }
        if type == Decimal.self {
            let entry = tape.entry(index)
            guard entry.kind == .number else { throw tape.mismatch(type, at: index) }
            guard let value = try? decode(type, from: UnsafeRawBufferPointer(tape.bytes(of: entry))) else {
                throw tape.corrupted(at: index, "The number is no Decimal.")
            }
            return value
        }
        let string = try tape.string(at: index)
        let value: Any? = type == Data.self ? Data(base64Encoded: string) : URL(string: string)
        guard let value = value as? Value else {
            throw tape.corrupted(
                at: index,
                type == Data.self ? "Encountered Data is not valid Base64." : "Invalid URL string."
            )
        }
        return value
    }

    @inline(never) static func writeSpecial<Value: Encodable>(_ value: Value, _ index: UInt32, of draft: JSONDraft) {
        switch value {
        case let data as Data: draft.write(index, string: data.base64EncodedString())
        case let url as URL: draft.write(index, string: url.absoluteString)
        case let decimal as Decimal: draft.write(index, number: decimal.description)
        default: draft.leaveToFoundation()
        }
    }
}
