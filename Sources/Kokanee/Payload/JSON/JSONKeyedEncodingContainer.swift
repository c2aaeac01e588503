/// An object of a draft.
struct JSONKeyedEncodingContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let draft: JSONDraft
    let object: UInt32

    var codingPath: [any CodingKey] { draft.path(to: object) }

    mutating func encodeNil(forKey key: Key) throws { draft.writeNull(draft.add(to: object, key)) }

    mutating func encode(_ value: Bool, forKey key: Key) throws { draft.write(draft.add(to: object, key), value) }

    mutating func encode(_ value: String, forKey key: Key) throws {
        draft.write(draft.add(to: object, key), string: value)
    }

    mutating func encode(_ value: Double, forKey key: Key) throws { try encodeReal(value, key) }

    mutating func encode(_ value: Float, forKey key: Key) throws { try encodeReal(value, key) }

    @inline(__always)
    mutating func encode<Value: FixedWidthInteger & Encodable>(_ value: Value, forKey key: Key) throws {
        draft.write(draft.add(to: object, key), integer: value)
    }

    mutating func encode(_ value: Int128, forKey key: Key) throws {
        draft.write(draft.add(to: object, key), integer: value)
    }

    mutating func encode(_ value: UInt128, forKey key: Key) throws {
        draft.write(draft.add(to: object, key), integer: value)
    }

    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        try draft.write(draft.add(to: object, key), value: value)
    }

    private func encodeReal<Value: BinaryFloatingPoint & CustomStringConvertible>(
        _ value: Value,
        _ key: Key
    ) throws {
        let index = draft.add(to: object, key)
        do {
            try draft.write(index, real: value)
        } catch {
            draft.node(index).pointee.kind = .removed
            throw error
        }
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        JSONValueEncoder(draft: draft, index: draft.add(to: object, key)).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        JSONValueEncoder(draft: draft, index: draft.add(to: object, key)).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        JSONValueEncoder(draft: draft, index: draft.add(to: object, JSONStep(stringValue: "super")))
    }

    mutating func superEncoder(forKey key: Key) -> any Encoder {
        JSONValueEncoder(draft: draft, index: draft.add(to: object, key))
    }
}
