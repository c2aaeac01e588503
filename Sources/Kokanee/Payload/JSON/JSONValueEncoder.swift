/// An encoder of one value of a draft. It is a struct of few words, so that it is passed on without an allocation.
struct JSONValueEncoder: Encoder, SingleValueEncodingContainer {
    let draft: JSONDraft
    let index: UInt32

    var codingPath: [any CodingKey] { draft.path(to: index) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        draft.open(index, as: .object)
        return KeyedEncodingContainer(JSONKeyedEncodingContainer<Key>(draft: draft, object: index))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        draft.open(index, as: .array)
        return JSONUnkeyedEncodingContainer(draft: draft, array: index)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    mutating func encodeNil() throws { draft.writeNull(index) }
    mutating func encode(_ value: Bool) throws { draft.write(index, value) }
    mutating func encode(_ value: String) throws { draft.write(index, string: value) }
    mutating func encode(_ value: Double) throws { try draft.write(index, real: value) }
    mutating func encode(_ value: Float) throws { try draft.write(index, real: value) }
    @inline(__always)
    mutating func encode<Value: FixedWidthInteger & Encodable>(_ value: Value) throws {
        draft.write(index, integer: value)
    }
    mutating func encode(_ value: Int128) throws { draft.write(index, integer: value) }
    mutating func encode(_ value: UInt128) throws { draft.write(index, integer: value) }
    mutating func encode<Value: Encodable>(_ value: Value) throws { try draft.write(index, value: value) }
}

extension JSONDraft {
    /// Encodes any value: what JSON has itself here, all else by its own `encode(to:)`.
    ///
    /// Where that throws, nothing of it stays.
    @inline(__always) func write<Value: Encodable>(_ index: UInt32, value: Value) throws {
        // The types are the same where they are compared equal: a cast would ask the runtime for the same answer.
        if Value.self == String.self { return write(index, string: unsafeBitCast(value, to: String.self)) }
        if Value.self == Int.self { return write(index, integer: unsafeBitCast(value, to: Int.self)) }
        if Value.self == Bool.self { return write(index, unsafeBitCast(value, to: Bool.self)) }
        do {
            if Value.self == Double.self { return try write(index, real: unsafeBitCast(value, to: Double.self)) }
            if JSONFoundation.isSpecial(Value.self) { return JSONFoundation.writeSpecial(value, index, of: self) }
            try value.encode(to: JSONValueEncoder(draft: self, index: index))
        } catch {
            node(index).pointee.kind = .removed
            throw error
        }
    }
}
