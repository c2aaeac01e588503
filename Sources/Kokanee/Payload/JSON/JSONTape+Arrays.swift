extension JSONTape {
    /// Arrays of what JSON has, which ``array(_:at:)`` decodes.
    ///
    /// Their own `init(from:)` grows them element by element, and asks through an existential for each. For elements of
    /// other types a way around that exists, but costs more than it gains: the runtime has to find out that a type is an
    /// array at all.
    @inline(__always) static func isArray(_ type: any Any.Type) -> Bool {
        type == [String].self || type == [Int].self || type == [Double].self
    }

    /// - Precondition: ``isArray(_:)``.
    @inline(never) func array<Value: Decodable>(_ type: Value.Type, at index: UInt32) throws -> Value {
        // The types are the same where they are compared equal.
        if type == [String].self {
            return unsafeBitCast(try elements(String.self, at: index) { try string(at: $0) }, to: type)
        }
        if type == [Int].self {
            return unsafeBitCast(try elements(Int.self, at: index) { try integer(Int.self, at: $0) }, to: type)
        }
        return unsafeBitCast(try elements(Double.self, at: index) { try real(Double.self, at: $0) }, to: type)
    }

    @inline(__always)
    private func elements<Element>(
        _ type: Element.Type,
        at index: UInt32,
        _ body: (UInt32) throws -> Element
    ) throws -> [Element] {
        let entry = entry(index)
        var elements: [Element] = []
        // Not for all: who sends many small values of which the first is wrong shall not be given memory for all.
        elements.reserveCapacity(min(Int(entry.low), 1024))
        var next = index &+ 1
        var place: UInt32 = 0
        while next != entry.extent {
            entries[Int(next)].mark = place
            elements.append(try body(next))
            next = self.index(after: next)
            place &+= 1
        }
        return elements
    }
}
