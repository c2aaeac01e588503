/// An array of a draft.
struct JSONUnkeyedEncodingContainer: UnkeyedEncodingContainer {
    let draft: JSONDraft
    let array: UInt32

    var codingPath: [any CodingKey] { draft.path(to: array) }
    var count: Int { Int(draft.node(array).pointee.count) }

    mutating func encodeNil() throws { draft.writeNull(draft.add(to: array)) }
    mutating func encode(_ value: Bool) throws { draft.write(draft.add(to: array), value) }
    mutating func encode(_ value: String) throws { draft.write(draft.add(to: array), string: value) }
    mutating func encode(_ value: Double) throws { try encodeReal(value) }
    mutating func encode(_ value: Float) throws { try encodeReal(value) }
    @inline(__always)
    mutating func encode<Value: FixedWidthInteger & Encodable>(_ value: Value) throws {
        draft.write(draft.add(to: array), integer: value)
    }
    mutating func encode(_ value: Int128) throws { draft.write(draft.add(to: array), integer: value) }
    mutating func encode(_ value: UInt128) throws { draft.write(draft.add(to: array), integer: value) }

    mutating func encode<Value: Encodable>(_ value: Value) throws {
        try undoing { try draft.write($0, value: value) }
    }

    private func encodeReal<Value: BinaryFloatingPoint & CustomStringConvertible>(_ value: Value) throws {
        try undoing { try draft.write($0, real: value) }
    }

    /// An element that fails counts no more.
    @inline(__always) private func undoing(_ body: (UInt32) throws -> Void) throws {
        let index = draft.add(to: array)
        do {
            try body(index)
        } catch {
            draft.node(index).pointee.kind = .removed
            draft.node(array).pointee.count -= 1
            throw error
        }
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        JSONValueEncoder(draft: draft, index: draft.add(to: array)).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONValueEncoder(draft: draft, index: draft.add(to: array)).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { JSONValueEncoder(draft: draft, index: draft.add(to: array)) }
}
