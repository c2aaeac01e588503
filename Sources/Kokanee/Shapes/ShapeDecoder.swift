/// Gives a type whatever it asks for, and notes what that was.
struct ShapeDecoder: Decoder {
    let probe: ShapeProbe
    let node: ShapeNode

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(KeyedShapeContainer<Key>(probe: probe, node: node))
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer { UnkeyedShapeContainer(probe: probe, node: node) }

    func singleValueContainer() -> any SingleValueDecodingContainer { SingleShapeContainer(probe: probe, node: node) }
}

private struct KeyedShapeContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: ShapeProbe
    let node: ShapeNode
    /// Whether any name will do, as of a dictionary.
    private let isMap: Bool

    init(probe: ShapeProbe, node: ShapeNode) {
        self.probe = probe
        self.node = node
        isMap = Key(stringValue: "no name that anybody gives") != nil
        if node.kind != .map { node.kind = .object }
    }

    var codingPath: [any CodingKey] { [] }

    var allKeys: [Key] {
        guard isMap else { return [] }
        node.kind = .map
        // It is a number, too, for dictionaries that want one.
        return probe.seed.isMinimal ? [] : [Key(stringValue: "1")].compactMap { $0 }
    }

    private func member(_ key: Key) -> ShapeNode {
        node.kind == .map ? node.element(0) : node.require(key.stringValue)
    }

    func contains(_ key: Key) -> Bool {
        if node.kind != .map { node.ask(for: key.stringValue) }
        return !probe.seed.isMinimal
    }

    func decodeNil(forKey key: Key) -> Bool {
        if node.kind == .map { node.element(0).isNullable = true } else { node.ask(for: key.stringValue) }
        return probe.seed.isMinimal
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try probe.make(type, member(key))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedDecodingContainer<
        Nested
    > {
        KeyedDecodingContainer(KeyedShapeContainer<Nested>(probe: probe, node: member(key)))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedDecodingContainer {
        UnkeyedShapeContainer(probe: probe, node: member(key))
    }

    func superDecoder() -> any Decoder { ShapeDecoder(probe: probe, node: node.require("super")) }

    func superDecoder(forKey key: Key) -> any Decoder { ShapeDecoder(probe: probe, node: member(key)) }
}

private struct UnkeyedShapeContainer: UnkeyedDecodingContainer {
    let probe: ShapeProbe
    let node: ShapeNode
    private(set) var currentIndex = 0

    init(probe: ShapeProbe, node: ShapeNode) {
        self.probe = probe
        self.node = node
        node.kind = .array
    }

    var codingPath: [any CodingKey] { [] }
    var count: Int? { probe.seed.isMinimal ? 0 : 1 }
    var isAtEnd: Bool { probe.seed.isMinimal || currentIndex > 0 }

    private mutating func next() -> ShapeNode {
        defer { currentIndex += 1 }
        return node.element(min(currentIndex, 31))
    }

    mutating func decodeNil() -> Bool {
        node.element(min(currentIndex, 31)).isNullable = true
        return false
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try probe.make(type, next()) }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedDecodingContainer<Nested> {
        KeyedDecodingContainer(KeyedShapeContainer<Nested>(probe: probe, node: next()))
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedDecodingContainer {
        UnkeyedShapeContainer(probe: probe, node: next())
    }

    mutating func superDecoder() -> any Decoder { ShapeDecoder(probe: probe, node: next()) }
}

private struct SingleShapeContainer: SingleValueDecodingContainer {
    let probe: ShapeProbe
    let node: ShapeNode

    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool {
        node.isNullable = true
        return probe.seed.isMinimal
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try probe.make(type, node) }
}
