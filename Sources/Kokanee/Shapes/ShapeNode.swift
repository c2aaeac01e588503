/// What is being found out about one value of a payload. Belongs to one ``ShapeProbe``.
final class ShapeNode {
    private struct Member {
        let node: ShapeNode
        var isRequired: Bool
    }

    var kind: PayloadShape.Kind?
    var type = ""
    var cases: [String]?
    var isNullable = false
    var isPartlyKnown = false
    private var members: [String: Member] = [:]
    private var elements: [ShapeNode] = []

    /// A member that may be missing.
    func ask(for name: String) { _ = member(name, isRequired: false) }

    /// A member that must be there, unless it was asked for before.
    func require(_ name: String) -> ShapeNode { member(name, isRequired: true) }

    private func member(_ name: String, isRequired: Bool) -> ShapeNode {
        if let member = members[name] {
            if !isRequired { members[name]?.isRequired = false }
            return member.node
        }
        let node = ShapeNode()
        members[name] = Member(node: node, isRequired: isRequired)
        return node
    }

    func element(_ index: Int) -> ShapeNode {
        while elements.count <= index { elements.append(ShapeNode()) }
        return elements[index]
    }

    /// Takes over what is known of another value of the same type.
    func copy(_ other: ShapeNode) {
        kind = other.kind
        type = other.type
        cases = other.cases
        isNullable = isNullable || other.isNullable
        isPartlyKnown = other.isPartlyKnown
        members = other.members
        elements = other.elements
    }

    /// - Parameter depth: of values within one another that are told of.
    func shape(depth: Int = 32) -> PayloadShape {
        guard depth > 0 else { return PayloadShape(.unknown, type: type, isPartlyKnown: true) }
        let kind = kind ?? .unknown
        var shape = PayloadShape(kind, type: type, cases: cases, isNullable: isNullable, isPartlyKnown: isPartlyKnown)
        if kind == .object {
            shape.members = members.sorted { $0.key < $1.key }.map { name, member in
                let inner = member.node.shape(depth: depth - 1)
                return .init(name: name, isRequired: member.isRequired && !inner.isNullable, shape: inner)
            }
        }
        if kind == .array || kind == .map { shape.elements = elements.map { $0.shape(depth: depth - 1) } }
        return shape
    }
}
