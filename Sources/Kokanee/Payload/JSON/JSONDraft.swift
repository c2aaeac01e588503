/// A JSON text in the making: values in the order in which types encode them, which is not the order of the text, for
/// that has its names sorted, and containers may be filled in turns.
///
/// Scalars are text at once; ``finish()`` puts them together. What Foundation's encoder would do otherwise than is done
/// here (merging members of one name, stopping the process, refusing a depth) is left to it: ``leaveToFoundation()``.
///
/// Nodes and text are raw memory behind one pointer. What keeps that safe: a node's number comes from ``add(to:)`` and
/// stays below the number of nodes, which only grows; places in the text come from ``write(_:_:)``, which makes room
/// first; memory is reached through ``state`` each time, for it moves when it grows.
final class JSONDraft {
    /// A value, and what it is in its container.
    struct Node {
        enum Kind: UInt8 {
            /// Nothing has been encoded, which becomes an object without members.
            case empty
            case scalar
            case object
            case array
            /// Its encoding failed: it is not there.
            case removed
        }

        var kind = Kind.empty
        /// The name has characters that need an escape, or that are not ASCII.
        var hasOddName = false
        /// Where a scalar's text is, or how many values a container has.
        var start: UInt32 = 0
        var count: UInt32 = 0
        /// Where a member's name is, or which element it is.
        var name: UInt32 = 0
        var nameCount: UInt32 = 0
        var parent: UInt32
        /// The next value of the container, and a container's first and last: 0 is the outermost value, and so nobody's.
        var next: UInt32 = 0
        var first: UInt32 = 0
        var last: UInt32 = 0
    }

    struct State {
        var nodes: UnsafeMutablePointer<Node>
        var nodeCount: UInt32 = 1
        var nodeCapacity: UInt32 = 32
        var text: UnsafeMutablePointer<UInt8>
        var count = 0
        var capacity = 512
        var isFoundations = false
    }

    /// The offsets are 32-bit numbers; larger texts are Foundation's.
    private static let maximumByteCount = 1 << 30

    let state: UnsafeMutablePointer<State>

    init() {
        state = .allocate(capacity: 1)
        let nodes = UnsafeMutablePointer<Node>.allocate(capacity: 32)
        nodes.initialize(to: Node(parent: 0))
        state.initialize(to: State(nodes: nodes, text: .allocate(capacity: 512)))
    }

    deinit {
        state.pointee.nodes.deallocate()
        state.pointee.text.deallocate()
        state.deallocate()
    }

    func leaveToFoundation() { state.pointee.isFoundations = true }

    @inline(__always) func node(_ index: UInt32) -> UnsafeMutablePointer<Node> { state.pointee.nodes + Int(index) }

    // MARK: Values

    /// A new value at a container's end.
    @inline(__always) func add(to container: UInt32) -> UInt32 {
        if state.pointee.nodeCount == state.pointee.nodeCapacity { growNodes() }
        let index = state.pointee.nodeCount
        state.pointee.nodeCount &+= 1
        node(index).initialize(to: Node(parent: container))
        let parent = node(container)
        if parent.pointee.first == 0 {
            parent.pointee.first = index
        } else {
            node(parent.pointee.last).pointee.next = index
        }
        parent.pointee.last = index
        node(index).pointee.name = parent.pointee.count
        parent.pointee.count &+= 1
        return index
    }

    @inline(__always) func add(to object: UInt32, _ key: some CodingKey) -> UInt32 {
        let index = add(to: object)
        var name = key.stringValue
        name.withUTF8 { name in
            guard let place = room(for: name.count) else { return }
            var isOdd = false
            for offset in 0..<name.count {
                let byte = name[offset]
                place[offset] = byte
                if JSONText.needsEscape(byte) || byte >= 0x80 { isOdd = true }
            }
            let node = node(index)
            node.pointee.name = UInt32(truncatingIfNeeded: state.pointee.count)
            node.pointee.nameCount = UInt32(truncatingIfNeeded: name.count)
            node.pointee.hasOddName = isOdd
            state.pointee.count &+= name.count
        }
        return index
    }

    /// Turns a value of which nothing is known yet, or which is one already, into a container.
    @inline(__always) func open(_ index: UInt32, as kind: Node.Kind) {
        let node = node(index)
        if node.pointee.kind == .empty {
            node.pointee.kind = kind
        } else if node.pointee.kind != kind {
            leaveToFoundation()
        }
    }

    /// Writes a scalar of at most `count` bytes by `body`, which returns how many they are.
    @inline(__always) func write(_ index: UInt32, atMost count: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        let node = node(index)
        guard node.pointee.kind == .empty else { return leaveToFoundation() }
        guard let place = room(for: count) else { return }
        let written = body(place)
        node.pointee.kind = .scalar
        node.pointee.start = UInt32(truncatingIfNeeded: state.pointee.count)
        node.pointee.count = UInt32(truncatingIfNeeded: written)
        state.pointee.count &+= written
    }

    // MARK: Memory

    /// Nil where the text becomes too large.
    @inline(__always) private func room(for count: Int) -> UnsafeMutablePointer<UInt8>? {
        if state.pointee.capacity &- state.pointee.count < count {
            guard growText(count) else { return nil }
        }
        return state.pointee.text + state.pointee.count
    }

    @inline(never) private func growText(_ count: Int) -> Bool {
        guard count <= Self.maximumByteCount - state.pointee.count else {
            leaveToFoundation()
            return false
        }
        let capacity = max(2 * state.pointee.capacity, state.pointee.count + count)
        let text = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        text.update(from: state.pointee.text, count: state.pointee.count)
        state.pointee.text.deallocate()
        state.pointee.text = text
        state.pointee.capacity = capacity
        return true
    }

    @inline(never) private func growNodes() {
        let capacity = 2 * state.pointee.nodeCapacity
        let nodes = UnsafeMutablePointer<Node>.allocate(capacity: Int(capacity))
        nodes.update(from: state.pointee.nodes, count: Int(state.pointee.nodeCount))
        state.pointee.nodes.deallocate()
        state.pointee.nodes = nodes
        state.pointee.nodeCapacity = capacity
    }
}
