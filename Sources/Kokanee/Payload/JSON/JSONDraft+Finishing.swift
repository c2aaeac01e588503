extension JSONDraft {
    /// Deeper texts are Foundation's, which refuses some of them.
    private static let maximumDepth = 256

    /// The whole text; nil where it is Foundation's.
    func finish() -> [UInt8]? {
        guard !state.pointee.isFoundations, node(0).pointee.kind != .empty, let bound = boundary() else { return nil }
        var isComplete = false
        let text = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            var end = start
            isComplete = put(0, to: &end, depth: 0)
            count = end - start
        }
        return isComplete ? text : nil
    }

    /// No fewer bytes than the text takes: six for each of a name that has escapes, and the punctuation.
    private func boundary() -> Int? {
        var bound = state.pointee.count
        for index in 0..<state.pointee.nodeCount {
            bound += 6
            if node(index).pointee.hasOddName { bound += 5 * Int(node(index).pointee.nameCount) }
        }
        return bound
    }

    /// False where the text is Foundation's.
    private func put(_ index: UInt32, to end: inout UnsafeMutablePointer<UInt8>, depth: Int) -> Bool {
        let node = node(index).pointee
        switch node.kind {
        case .scalar:
            end.update(from: state.pointee.text + Int(node.start), count: Int(node.count))
            end += Int(node.count)
            return true
        case .empty:
            Self.put(UInt8(ascii: "{"), to: &end)
            Self.put(UInt8(ascii: "}"), to: &end)
            return true
        case .removed: return true
        case .array, .object: break
        }
        guard depth < Self.maximumDepth else { return false }
        let isObject = node.kind == .object
        Self.put(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["), to: &end)
        if isObject {
            guard let members = sortedMembers(node) else { return false }
            for (place, member) in members.enumerated() {
                if place > 0 { Self.put(UInt8(ascii: ","), to: &end) }
                putName(member, to: &end)
                guard put(member, to: &end, depth: depth + 1) else { return false }
            }
        } else {
            var isFirst = true
            var element = node.first
            while element != 0 {
                if self.node(element).pointee.kind != .removed {
                    if !isFirst { Self.put(UInt8(ascii: ","), to: &end) }
                    isFirst = false
                    guard put(element, to: &end, depth: depth + 1) else { return false }
                }
                element = self.node(element).pointee.next
            }
        }
        Self.put(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"), to: &end)
        return true
    }

    @inline(__always) private static func put(_ byte: UInt8, to end: inout UnsafeMutablePointer<UInt8>) {
        end.pointee = byte
        end += 1
    }

    private func putName(_ index: UInt32, to end: inout UnsafeMutablePointer<UInt8>) {
        let name = name(index)
        if node(index).pointee.hasOddName {
            end += Self.escape(name, to: end)
        } else {
            Self.put(UInt8(ascii: "\""), to: &end)
            if let start = name.baseAddress { end.update(from: start, count: name.count) }
            end += name.count
            Self.put(UInt8(ascii: "\""), to: &end)
        }
        Self.put(UInt8(ascii: ":"), to: &end)
    }

    /// Without those that failed; nil where a name is there twice.
    private func sortedMembers(_ object: Node) -> [UInt32]? {
        var members: [UInt32] = []
        members.reserveCapacity(Int(object.count))
        var hasNonASCII = false
        var isSorted = true
        var index = object.first
        while index != 0 {
            let node = node(index).pointee
            if node.kind != .removed {
                if node.hasOddName { hasNonASCII = true }
                if isSorted, let last = members.last, !precedes(last, index) { isSorted = false }
                members.append(index)
            }
            index = node.next
        }
        if !isSorted { sort(&members) }
        for place in members.indices.dropFirst() where !precedes(members[place - 1], members[place]) { return nil }
        // Names are the same where strings are equal, which is more than equality of bytes.
        if hasNonASCII, Set(members.map { String(decoding: name($0), as: UTF8.self) }).count < members.count {
            return nil
        }
        return members
    }

    private func sort(_ members: inout [UInt32]) {
        guard members.count <= 16 else { return members.sort { precedes($0, $1) } }
        for place in 1..<members.count {
            let member = members[place]
            var before = place
            while before > 0, precedes(member, members[before - 1]) {
                members[before] = members[before - 1]
                before -= 1
            }
            members[before] = member
        }
    }

    @inline(__always) private func name(_ index: UInt32) -> UnsafeBufferPointer<UInt8> {
        let node = node(index).pointee
        return UnsafeBufferPointer(start: state.pointee.text + Int(node.name), count: Int(node.nameCount))
    }

    /// By their bytes.
    @inline(__always) private func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
        let (left, right) = (name(left), name(right))
        let common = min(left.count, right.count)
        var place = 0
        while place < common {
            if left[place] != right[place] { return left[place] < right[place] }
            place &+= 1
        }
        return left.count < right.count
    }

    /// What leads to a value.
    func path(to value: UInt32) -> [any CodingKey] {
        var steps: [any CodingKey] = []
        var index = value
        while index != 0 {
            let parent = node(index).pointee.parent
            if node(parent).pointee.kind == .object {
                steps.append(JSONStep(stringValue: String(decoding: name(index), as: UTF8.self)))
            } else {
                steps.append(JSONStep(intValue: Int(node(index).pointee.name)))
            }
            index = parent
        }
        return steps.reversed()
    }
}
