internal import Glibc

/// What an expression is asked of. All is borrowed.
struct ExpressionSubject {
    /// Empty where there is none.
    var payload: UnsafeRawBufferPointer
    var type: UnsafeRawBufferPointer
    var id: UnsafeRawBufferPointer
    /// Nil is a null key.
    var key: UnsafeRawBufferPointer?
    var version: Int
}

/// Looks up what an expression asks for.
///
/// It makes nothing, but for strings with escapes and numbers that are very long.
struct ExpressionEvaluator {
    private enum Value {
        /// Also what can't be read.
        case missing
        case null
        case bool(Bool)
        case number(ExpressionNumber)
        case string(UnsafeBufferPointer<UInt8>)
        /// A string whose escapes have been resolved.
        case resolved([UInt8])
        case array(UInt32)
        case object
    }

    private let subject: ExpressionSubject
    /// Nil where nothing asks for the payload.
    private let tape: JSONTape?

    /// - Parameter tape: lives on in the caller.
    init(_ subject: ExpressionSubject, _ tape: JSONTape?) {
        self.subject = subject
        self.tape = tape
    }

    func holds(_ node: ExpressionNode) -> Bool {
        switch node {
        case .all(let nodes): nodes.allSatisfy(holds)
        case .any(let nodes): nodes.contains(where: holds)
        case .not(let node): !holds(node)
        case .exists(let path): exists(path)
        case .compare(let path, let comparison, let literal): compare(value(at: path), comparison, Self.value(literal))
        case .comparePaths(let left, let comparison, let right): compare(value(at: left), comparison, value(at: right))
        case .isIn(let path, let literals): isIn(value(at: path), literals)
        case .contains(let path, let literal): contains(value(at: path), literal)
        case .startsWith(let path, let prefix): withText(value(at: path)) { Self.hasPrefix($0, prefix) } ?? false
        }
    }

    // MARK: Conditions

    private func compare(_ left: Value, _ comparison: ExpressionNode.Comparison, _ right: Value) -> Bool {
        switch comparison {
        case .equal: return order(left, right) == 0
        case .unequal: return order(left, right) != 0
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            // Others are equal or not, but have no order.
            switch left {
            case .number, .string, .resolved: break
            default: return false
            }
            guard let order = order(left, right) else { return false }
            return switch comparison {
            case .less: order < 0
            case .lessOrEqual: order <= 0
            case .greater: order > 0
            default: order >= 0
            }
        }
    }

    /// 0 where they are equal; nil where they are of different kinds, missing, or have no order and are not equal.
    private func order(_ left: Value, _ right: Value) -> Int? {
        switch (left, right) {
        case (.null, .null): return 0
        case (.bool(let left), .bool(let right)): return left == right ? 0 : nil
        case (.number(let left), .number(let right)): return left.compared(to: right)
        case (.string, .string), (.string, .resolved), (.resolved, .string), (.resolved, .resolved):
            return withText(left) { left in withText(right) { Self.order(left, $0) } ?? nil } ?? nil
        default: return nil
        }
    }

    private func isIn(_ value: Value, _ literals: [ExpressionLiteral]) -> Bool {
        literals.contains { order(value, Self.value($0)) == 0 }
    }

    private func contains(_ value: Value, _ literal: ExpressionLiteral) -> Bool {
        if case .array(let array) = value, let tape {
            let wanted = Self.value(literal)
            let end = tape.entry(array).extent
            var index = array &+ 1
            while index < end {
                if order(self.value(at: index, tape), wanted) == 0 { return true }
                index = tape.index(after: index)
            }
            return false
        }
        guard case .string(let part) = literal else { return false }
        return withText(value) { Self.contains($0, part) } ?? false
    }

    // MARK: Values

    private func exists(_ path: ExpressionPath) -> Bool {
        switch path.root {
        case .data: find(path) != nil
        case .key: subject.key != nil
        case .type, .id, .version: true
        }
    }

    private func value(at path: ExpressionPath) -> Value {
        switch path.root {
        case .data: find(path).flatMap { index in tape.map { value(at: index, $0) } } ?? .missing
        case .type: Self.text(subject.type)
        case .id: Self.text(subject.id)
        case .key: subject.key.map(Self.text) ?? .missing
        case .version: .number(.whole(Int64(subject.version)))
        }
    }

    private func value(at index: UInt32, _ tape: JSONTape) -> Value {
        let entry = tape.entry(index)
        switch entry.kind {
        case .null: return .null
        case .true: return .bool(true)
        case .false: return .bool(false)
        case .number: return ExpressionNumber(tape.bytes(of: entry)).map { .number($0) } ?? .missing
        case .ascii, .unescaped: return .string(tape.bytes(of: entry))
        case .escaped: return tape.text(at: index).map { .resolved(Array($0.utf8)) } ?? .missing
        case .array: return .array(index)
        default: return .object
        }
    }

    private static func value(_ literal: ExpressionLiteral) -> Value {
        switch literal {
        case .null: .null
        case .bool(let value): .bool(value)
        case .number(let number): .number(number)
        case .string(let bytes): .resolved(bytes)
        }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> Value {
        .string(bytes.assumingMemoryBound(to: UInt8.self))
    }

    private func withText<R>(_ value: Value, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        switch value {
        case .string(let bytes): body(bytes)
        case .resolved(let bytes): bytes.withUnsafeBufferPointer(body)
        default: nil
        }
    }

    // MARK: The tape

    private func find(_ path: ExpressionPath) -> UInt32? {
        guard let tape else { return nil }
        var index: UInt32 = 0
        for step in path.steps {
            let next =
                switch step {
                case .member(let name, let fingerprint): Self.member(name, fingerprint, of: index, tape)
                case .element(let number): Self.element(number, of: index, tape)
                }
            guard let next else { return nil }
            index = next
        }
        return index
    }

    private static func member(
        _ name: [UInt8],
        _ fingerprint: UInt32,
        of object: UInt32,
        _ tape: JSONTape
    ) -> UInt32? {
        let container = tape.entry(object)
        guard container.kind.isObject else { return nil }
        var index = object &+ 1
        while index < container.extent {
            let entry = tape.entry(index)
            if entry.kind == .escaped {
                if tape.text(at: index).map({ $0.utf8.elementsEqual(name) }) == true { return index &+ 1 }
            } else if entry.link == fingerprint, isEqual(tape.bytes(of: entry), name) {
                return index &+ 1
            }
            index = tape.index(after: index &+ 1)
        }
        return nil
    }

    private static func element(_ number: Int, of array: UInt32, _ tape: JSONTape) -> UInt32? {
        let container = tape.entry(array)
        guard container.kind == .array, number < Int(container.low) else { return nil }
        var index = array &+ 1
        for _ in 0..<number { index = tape.index(after: index) }
        return index
    }

    // MARK: Bytes

    private static func isEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: [UInt8]) -> Bool {
        right.withUnsafeBufferPointer { right in left.count == right.count && order(left, right) == 0 }
    }

    private static func order(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
        let common = min(left.count, right.count)
        if common > 0, let left = left.baseAddress, let right = right.baseAddress {
            let order = memcmp(left, right, common)
            if order != 0 { return Int(order) }
        }
        return left.count - right.count
    }

    private static func hasPrefix(_ text: UnsafeBufferPointer<UInt8>, _ prefix: [UInt8]) -> Bool {
        text.count >= prefix.count && isEqual(UnsafeBufferPointer(rebasing: text.prefix(prefix.count)), prefix)
    }

    private static func contains(_ text: UnsafeBufferPointer<UInt8>, _ part: [UInt8]) -> Bool {
        guard !part.isEmpty else { return true }
        guard let start = text.baseAddress else { return false }
        return part.withUnsafeBufferPointer { part in
            var position = 0
            while text.count - position >= part.count {
                let rest = text.count - position - part.count + 1
                guard let found = memchr(start + position, Int32(part[0]), rest) else { return false }
                if memcmp(found, part.baseAddress!, part.count) == 0 { return true }
                position = UnsafeRawPointer(start).distance(to: found) + 1
            }
            return false
        }
    }
}
