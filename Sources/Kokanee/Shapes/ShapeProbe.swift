internal import FoundationEssentials

/// Decodes a type from nothing, and notes what it asks for.
final class ShapeProbe {
    /// Values that are given to who asks.
    struct Seed {
        var integer: Int = 1
        var text = "a"
        var flag = true
        /// Nothing that may be missing is there, and no array has an element: what contains itself comes to an end.
        var isMinimal = false

        /// One after the other, until a type takes them.
        static let all = [
            Seed(), Seed(integer: 0, text: "", flag: false), Seed(integer: 2, text: "1"),
            Seed(text: "2026-01-01T00:00:00Z"), Seed(text: "00000000-0000-4000-8000-000000000001"),
            Seed(text: "https://example.com/a"), Seed(text: "a@example.com"), Seed(isMinimal: true),
        ]
    }

    /// The probing has gone on for too long, or in circles.
    struct Exhausted: Error {}

    private var budget = 50_000
    private var stack: [ObjectIdentifier] = []
    private var failed: [ObjectIdentifier: ShapeNode] = [:]
    private(set) var seed = Seed()

    static func shape<Payload: Decodable>(of payload: Payload.Type) -> PayloadShape {
        let node = ShapeNode()
        _ = try? ShapeProbe().make(payload, node)
        return node.shape()
    }

    /// A value of the type, and the notes of how it was decoded.
    ///
    /// - Throws: where it takes none of the seeds; the notes are of what it asked for until then.
    func make<Value: Decodable>(_ type: Value.Type, _ node: ShapeNode) throws -> Value {
        budget -= 1
        guard budget > 0 else { throw Exhausted() }
        if let value = scalar(type, node) ?? Self.foundation(type, node) ?? Self.firstCase(type, node) { return value }
        let id = ObjectIdentifier(type)
        if let known = failed[id] {
            node.copy(known)
            throw Exhausted()
        }
        guard !stack.contains(id), stack.count < 64 else {
            if node.kind == nil { (node.kind, node.type) = (.recursive, "\(type)") }
            throw Exhausted()
        }
        stack.append(id)
        let outer = seed
        defer {
            stack.removeLast()
            seed = outer
        }
        var problem: any Error = Exhausted()
        for seed in Seed.all where seed.isMinimal || !outer.isMinimal {
            self.seed = seed
            do {
                let value = try Value(from: ShapeDecoder(probe: self, node: node))
                if node.type.isEmpty { node.type = "\(type)" }
                return value
            } catch {
                problem = error
            }
            guard budget > 0 else { break }
        }
        if node.type.isEmpty { node.type = "\(type)" }
        node.isPartlyKnown = true
        failed[id] = node
        throw problem
    }

    // MARK: - Values

    private func scalar<Value>(_ type: Value.Type, _ node: ShapeNode) -> Value? {
        let value: Any
        let kind: PayloadShape.Kind
        switch type {
        case is Bool.Type: (value, kind) = (seed.flag, .boolean)
        case is String.Type: (value, kind) = (seed.text, .string)
        case is Double.Type: (value, kind) = (Double(seed.integer), .number)
        case is Float.Type: (value, kind) = (Float(seed.integer), .number)
        case let type as any FixedWidthInteger.Type:
            (value, kind) = (type.init(truncatingIfNeeded: seed.integer), .integer)
        default: return nil
        }
        (node.kind, node.type) = (kind, "\(type)")
        return value as? Value
    }

    /// Types that want a text of a form that nobody would guess.
    private static func foundation<Value>(_ type: Value.Type, _ node: ShapeNode) -> Value? {
        let value: Any
        let kind: PayloadShape.Kind
        switch type {
        case is Date.Type: (value, kind) = (Date(timeIntervalSince1970: 0), .number)
        case is Decimal.Type: (value, kind) = (Decimal(1), .number)
        case is Data.Type: (value, kind) = (Data(), .string)
        case is UUID.Type: (value, kind) = (UUID(), .string)
        case is URL.Type: (value, kind) = (URL(string: "https://example.com") as Any, .string)
        default: return nil
        }
        (node.kind, node.type) = (kind, "\(type)")
        return value as? Value
    }

    /// A value of an enumeration that tells its cases.
    private static func firstCase<Value>(_ type: Value.Type, _ node: ShapeNode) -> Value? {
        guard let cases = type as? any CaseIterable.Type, type is any RawRepresentable.Type else { return nil }
        let all = Self.all(cases)
        guard let first = all.first as? Value else { return nil }
        let texts = all.compactMap { $0 as? any RawRepresentable }.map { text($0) }
        let isNumber = (first as? any RawRepresentable).map { rawValue(of: $0) is any FixedWidthInteger } == true
        (node.kind, node.type, node.cases) = (isNumber ? .integer : .string, "\(type)", texts.sorted())
        return first
    }

    private static func all<Cases: CaseIterable>(_ type: Cases.Type) -> [Any] { type.allCases.map { $0 as Any } }

    private static func text(_ value: some RawRepresentable) -> String { "\(value.rawValue)" }

    private static func rawValue(of value: some RawRepresentable) -> Any { value.rawValue }
}
