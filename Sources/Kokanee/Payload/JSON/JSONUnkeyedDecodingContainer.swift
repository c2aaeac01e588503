/// An array of a tape, and how far it has been read.
struct JSONUnkeyedDecodingContainer: UnkeyedDecodingContainer {
    let tape: JSONTape
    let array: UInt32
    /// The next element's entry.
    private var next: UInt32
    private var place: UInt32 = 0

    init(tape: JSONTape, array: UInt32) {
        self.tape = tape
        self.array = array
        next = array &+ 1
    }

    var codingPath: [any CodingKey] { tape.path(to: array) }
    var count: Int? { Int(tape.entry(array).low) }
    var isAtEnd: Bool { next == tape.entry(array).extent }
    var currentIndex: Int { Int(place) }

    /// The next element, which is passed only if `body` does not throw.
    @inline(__always)
    private mutating func advance<Value>(_ type: Value.Type, _ body: (JSONTape, UInt32) throws -> Value) throws -> Value
    {
        guard !isAtEnd else { throw atEnd(type) }
        // An element's path needs its place, from now on.
        tape.entries[Int(next)].mark = place
        let value = try body(tape, next)
        next = tape.index(after: next)
        place &+= 1
        return value
    }

    private func atEnd(_ type: any Any.Type) -> DecodingError {
        .valueNotFound(
            type,
            .init(
                codingPath: codingPath + [JSONStep(intValue: currentIndex)],
                debugDescription: "Unkeyed container is at end."
            )
        )
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd else { throw atEnd(Any?.self) }
        guard tape.isNull(next) else { return false }
        return try advance(Bool.self) { _, _ in true }
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try advance(type) { try $0.bool(at: $1) } }

    mutating func decode(_ type: String.Type) throws -> String { try advance(type) { try $0.string(at: $1) } }

    mutating func decode(_ type: Double.Type) throws -> Double { try advance(type) { try $0.real(type, at: $1) } }

    mutating func decode(_ type: Float.Type) throws -> Float { try advance(type) { try $0.real(type, at: $1) } }

    @inline(__always)
    mutating func decode<Value: FixedWidthInteger & Decodable>(_ type: Value.Type) throws -> Value {
        try advance(type) { try $0.integer(type, at: $1) }
    }

    mutating func decode(_ type: Int128.Type) throws -> Int128 { try advance(type) { try $0.integer(type, at: $1) } }

    mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try advance(type) { try $0.integer(type, at: $1) } }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try advance(type) { try $0.value(type, at: $1) }
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try advance(KeyedDecodingContainer<Key>.self) {
            try JSONValueDecoder(tape: $0, index: $1).container(keyedBy: type)
        }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try advance((any UnkeyedDecodingContainer).self) {
            try JSONValueDecoder(tape: $0, index: $1).unkeyedContainer()
        }
    }

    mutating func superDecoder() throws -> any Decoder {
        try advance((any Decoder).self) { JSONValueDecoder(tape: $0, index: $1) }
    }
}
