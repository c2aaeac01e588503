/// An object of a tape.
struct JSONKeyedDecodingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let tape: JSONTape
    let object: UInt32

    var codingPath: [any CodingKey] { tape.path(to: object) }
    var allKeys: [Key] { tape.names(of: object).compactMap { Key(stringValue: $0) } }

    func contains(_ key: Key) -> Bool { tape.find(key, in: object) != JSONTape.none }

    @inline(__always) private func index(_ key: Key) throws -> UInt32 {
        let index = tape.find(key, in: object)
        guard index != JSONTape.none else { throw tape.keyNotFound(key, in: object) }
        return index
    }

    /// Nil where there is no such member, or where it is null.
    @inline(__always) private func indexIfPresent(_ key: Key) -> UInt32? {
        let index = tape.find(key, in: object)
        return index == JSONTape.none || tape.isNull(index) ? nil : index
    }

    // MARK: Values

    func decodeNil(forKey key: Key) throws -> Bool { tape.isNull(try index(key)) }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try tape.bool(at: index(key)) }

    func decode(_ type: String.Type, forKey key: Key) throws -> String { try tape.string(at: index(key)) }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try tape.real(type, at: index(key)) }

    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try tape.real(type, at: index(key)) }

    @inline(__always)
    func decode<Value: FixedWidthInteger & Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try tape.integer(type, at: index(key))
    }

    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try tape.integer(type, at: index(key)) }

    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try tape.integer(type, at: index(key)) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try tape.value(type, at: index(key))
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
        try indexIfPresent(key).map { try tape.bool(at: $0) }
    }

    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        try indexIfPresent(key).map { try tape.string(at: $0) }
    }

    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        try indexIfPresent(key).map { try tape.real(type, at: $0) }
    }

    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
        try indexIfPresent(key).map { try tape.real(type, at: $0) }
    }

    @inline(__always)
    func decodeIfPresent<Value: FixedWidthInteger & Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        try indexIfPresent(key).map { try tape.integer(type, at: $0) }
    }

    func decodeIfPresent(_ type: Int128.Type, forKey key: Key) throws -> Int128? {
        try indexIfPresent(key).map { try tape.integer(type, at: $0) }
    }

    func decodeIfPresent(_ type: UInt128.Type, forKey key: Key) throws -> UInt128? {
        try indexIfPresent(key).map { try tape.integer(type, at: $0) }
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        guard let index = indexIfPresent(key) else { return nil }
        return try tape.value(type, at: index)
    }

    // MARK: Containers

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try JSONValueDecoder(tape: tape, index: index(key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try JSONValueDecoder(tape: tape, index: index(key)).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { superDecoder(JSONStep(stringValue: "super")) }

    func superDecoder(forKey key: Key) throws -> any Decoder { superDecoder(key) }

    /// One at null where there is no such member, as Foundation has it.
    private func superDecoder(_ key: some CodingKey) -> any Decoder {
        let index = tape.find(key, in: object)
        if index != JSONTape.none { return JSONValueDecoder(tape: tape, index: index) }
        return JSONValueDecoder(tape: .null(path: codingPath + [key]), index: 0)
    }
}

extension JSONTape {
    private static let nullText: StaticString = "null"

    /// A tape of nothing but null.
    static func null(path: [any CodingKey]) -> JSONTape {
        // The text lives for ever, and is JSON.
        let text = UnsafeRawBufferPointer(start: nullText.utf8Start, count: nullText.utf8CodeUnitCount)
        return try! JSONTape(text, basePath: path)!
    }
}
