/// A decoder at one value of a tape. It is a struct of few words, so that it is passed on without an allocation.
struct JSONValueDecoder: Decoder, SingleValueDecodingContainer {
    let tape: JSONTape
    let index: UInt32

    var codingPath: [any CodingKey] { tape.path(to: index) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let kind = tape.entry(index).kind
        guard kind.isObject else { throw tape.noContainer([String: Any].self, at: index) }
        try tape.prepare(index)
        return KeyedDecodingContainer(JSONKeyedDecodingContainer<Key>(tape: tape, object: index))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard tape.entry(index).kind == .array else { throw tape.noContainer([Any].self, at: index) }
        return JSONUnkeyedDecodingContainer(tape: tape, array: index)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { tape.isNull(index) }
    func decode(_ type: Bool.Type) throws -> Bool { try tape.bool(at: index) }
    func decode(_ type: String.Type) throws -> String { try tape.string(at: index) }
    func decode(_ type: Double.Type) throws -> Double { try tape.real(type, at: index) }
    func decode(_ type: Float.Type) throws -> Float { try tape.real(type, at: index) }
    @inline(__always)
    func decode<Value: FixedWidthInteger & Decodable>(_ type: Value.Type) throws -> Value {
        try tape.integer(type, at: index)
    }
    func decode(_ type: Int128.Type) throws -> Int128 { try tape.integer(type, at: index) }
    func decode(_ type: UInt128.Type) throws -> UInt128 { try tape.integer(type, at: index) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try tape.value(type, at: index) }
}

extension JSONTape {
    func noContainer(_ type: any Any.Type, at index: UInt32) -> DecodingError {
        isNull(index) ? missing(type, at: index) : mismatch(type, at: index)
    }
}
