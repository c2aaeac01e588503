/// Decodes payloads by a ``JSONTape``, and asks Foundation about those that this refuses.
///
/// So what a user sees of a payload that does not fit is Foundation's error, unless that does not say where; and where the
/// tape knows less than Foundation does, of encodings for example, it costs time and nothing else.
enum JSONPayload {
    private static let emptyText: StaticString = "{}"

    static var empty: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: emptyText.utf8Start, count: emptyText.utf8CodeUnitCount)
    }

    /// - Throws: `DecodingError`, or what the type throws.
    static func decode<Value: Decodable>(_ type: Value.Type, from text: UnsafeRawBufferPointer) throws -> Value {
        if var tape = try JSONTape(text) { return try decode(type, &tape, text) }
        guard var transcoded = JSONFoundation.transcode(text) else {
            return try decodeWithoutTape(type, from: text, utf8: text)
        }
        return try transcoded.withUTF8 { utf8 in
            let utf8 = UnsafeRawBufferPointer(utf8)
            guard var tape = try JSONTape(utf8) else { return try decodeWithoutTape(type, from: text, utf8: utf8) }
            return try decode(type, &tape, text)
        }
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type,
        _ tape: inout JSONTape,
        _ text: UnsafeRawBufferPointer
    ) throws -> Value {
        // Types may keep a decoder or a container; the text is gone after this.
        defer { if !isKnownUniquelyReferenced(&tape) { tape.keepText() } }
        do {
            return try tape.value(type, at: 0)
        } catch let error as DecodingError {
            do {
                return try JSONFoundation.decode(type, from: text)
            } catch DecodingError.dataCorrupted(let context)
                where context.codingPath.isEmpty && JSONText.isValid(Array(text))
            {
                // So it says of a number that does not fit, wherever that is: that the whole is no JSON, which it is.
                throw error
            }
        }
    }

    /// What is no JSON, or very large: nothing has looked at its depth.
    private static func decodeWithoutTape<Value: Decodable>(
        _ type: Value.Type,
        from text: UnsafeRawBufferPointer,
        utf8: UnsafeRawBufferPointer
    ) throws -> Value {
        // Foundation reads another text of this than anybody has looked at; see ``JSONFoundation/transcode(_:)``.
        guard !text.starts(with: [0xFE, 0xFF, 0, 0]) else {
            let reason = "The given data has the byte order mark of no encoding."
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: reason))
        }
        guard depth(of: utf8) <= JSONTape.maximumDepth else { throw JSONTape.tooDeep }
        return try JSONFoundation.decode(type, from: text)
    }

    /// How deep the brackets are outside of strings.
    private static func depth(of text: UnsafeRawBufferPointer) -> Int {
        var (depth, deepest) = (0, 0)
        var (isInString, isEscaped) = (false, false)
        for byte in text {
            if isEscaped {
                isEscaped = false
            } else if isInString, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            } else if !isInString, byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
                depth += 1
                deepest = max(deepest, depth)
            } else if !isInString, byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
                depth -= 1
            }
        }
        return deepest
    }

    static func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        let draft = JSONDraft()
        do {
            try draft.write(0, value: value)
        } catch is EncodingError {
            return try JSONFoundation.encode(value)
        }
        return try draft.finish() ?? JSONFoundation.encode(value)
    }
}
