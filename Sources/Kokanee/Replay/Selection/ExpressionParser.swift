/// Reads an expression, by recursive descent.
struct ExpressionParser {
    private typealias Token = ExpressionLexer.Token
    private static let words = ["and", "or", "not", "in", "exists", "contains", "startswith"]
    private static let conditions = "==, !=, <, <=, >, >=, in, contains or startsWith"

    private var lexer: ExpressionLexer
    private let fault: ExpressionFault
    private var token = Token.end
    private var start = 0
    private var depth = 0
    /// The roots of all paths.
    private(set) var roots: Set<ExpressionPath.Root> = []

    init(_ text: String) throws(InputError) {
        guard text.utf8.count <= PayloadExpression.longestText else {
            throw InputError(
                "the expression has \(text.utf8.count) bytes, of at most \(PayloadExpression.longestText); "
                    + "many ids are better in a file"
            )
        }
        lexer = ExpressionLexer(text)
        fault = ExpressionFault(text)
    }

    mutating func parse() throws(InputError) -> ExpressionNode {
        try advance()
        let node = try any()
        guard token == .end else { throw expected("and, or, or the end") }
        return node
    }

    // MARK: Tests

    private mutating func any() throws(InputError) -> ExpressionNode {
        var nodes = [try all()]
        while try take("or", "||") { nodes.append(try all()) }
        return nodes.count == 1 ? nodes[0] : .any(nodes)
    }

    private mutating func all() throws(InputError) -> ExpressionNode {
        var nodes = [try test()]
        while try take("and", "&&") { nodes.append(try test()) }
        return nodes.count == 1 ? nodes[0] : .all(nodes)
    }

    private mutating func test() throws(InputError) -> ExpressionNode {
        let opening = start
        if try take("not", "!") {
            try descend(opening)
            defer { depth -= 1 }
            return .not(try test())
        }
        if try take(nil, "(") {
            try descend(opening)
            defer { depth -= 1 }
            let node = try any()
            guard try take(nil, ")") else { throw expected("and, or, or )") }
            return node
        }
        if try take("exists", nil) { return .exists(try path("a path behind exists")) }
        return try condition(on: try path("a test, such as data.country == \"NO\""))
    }

    private mutating func descend(_ opening: Int) throws(InputError) {
        depth += 1
        guard depth <= PayloadExpression.greatestDepth else {
            throw fault.error(at: opening, "nested deeper than \(PayloadExpression.greatestDepth) levels")
        }
    }

    private mutating func condition(on path: ExpressionPath) throws(InputError) -> ExpressionNode {
        if case .symbol(let symbol) = token, let comparison = ExpressionNode.Comparison(rawValue: symbol) {
            try advance()
            if isAtPath { return .comparePaths(path, comparison, try self.path("a path")) }
            let place = start
            let literal = try literal("a value or a path behind \(symbol)")
            try check(literal, at: place, against: path)
            if comparison.isByOrder {
                switch literal {
                case .number, .string: break
                case .null, .bool: throw fault.error(at: place, "only numbers and strings have an order, for \(symbol)")
                }
            }
            return .compare(path, comparison, literal)
        }
        if try take("in", nil) { return .isIn(path, try list(for: path)) }
        if try take("contains", nil) {
            let place = start
            let literal = try literal("a value behind contains")
            if path.root != .data { try check(literal, at: place, against: path) }
            return .contains(path, literal)
        }
        if try take("startswith", nil) {
            let place = start
            guard case .string(let prefix) = try literal("a string behind startsWith") else {
                throw fault.error(at: place, "expected a string behind startsWith")
            }
            return .startsWith(path, prefix)
        }
        throw expected(Self.conditions)
    }

    private mutating func list(for path: ExpressionPath) throws(InputError) -> [ExpressionLiteral] {
        guard try take(nil, "[") else { throw expected("[ behind in, as in [\"a\", \"b\"]") }
        var literals: [ExpressionLiteral] = []
        repeat {
            let place = start
            let literal = try literal("a value")
            try check(literal, at: place, against: path)
            literals.append(literal)
        } while try take(nil, ",")
        guard try take(nil, "]") else { throw expected(", or ]") }
        return literals
    }

    /// What can never be true is a mistake that is better told.
    private func check(_ literal: ExpressionLiteral, at place: Int, against path: ExpressionPath) throws(InputError) {
        switch (path.root, literal) {
        case (.data, _), (.version, .number), (.type, .string), (.id, .string), (.key, .string): break
        case (.version, _): throw fault.error(at: place, "version is a number, and equals nothing else")
        case (.type, _), (.id, _), (.key, _):
            throw fault.error(
                at: place,
                "\(path.root.rawValue) is a string, and equals nothing else; it stands in quotes"
            )
        }
    }

    // MARK: Paths and values

    private var isAtPath: Bool {
        guard case .word(let word) = token else { return false }
        return ExpressionPath.Root(rawValue: word) != nil
    }

    private mutating func path(_ expectation: String) throws(InputError) -> ExpressionPath {
        guard case .word(let word) = token else { throw expected(expectation) }
        guard let root = ExpressionPath.Root(rawValue: word) else {
            let hint =
                Self.words.contains(word.lowercased())
                ? expectation : "data, type, id, key or version; data is the payload"
            throw expected(hint)
        }
        roots.insert(root)
        try advance()
        var path = ExpressionPath(root: root)
        while token == .symbol(".") || token == .symbol("[") {
            guard root == .data else { throw fault.error(at: start, "\(root.rawValue) has no members; data has") }
            path.steps.append(token == .symbol(".") ? try member() : try element())
        }
        return path
    }

    private mutating func member() throws(InputError) -> ExpressionPath.Step {
        try advance()
        let name: [UInt8]
        switch token {
        case .word(let word): name = Array(word.utf8)
        case .string(let string): name = string
        default: throw expected("a name behind the dot; odd names stand in quotes")
        }
        try advance()
        return .member(name)
    }

    private mutating func element() throws(InputError) -> ExpressionPath.Step {
        try advance()
        let step: ExpressionPath.Step
        switch token {
        case .string(let name): step = .member(name)
        case .number(let text):
            guard text.utf8.count <= 9, let index = Int(text), index >= 0 else {
                throw expected("an index from 0 up, of at most 9 digits")
            }
            step = .element(index)
        default: throw expected("an index, or a name in quotes")
        }
        try advance()
        guard try take(nil, "]") else { throw expected("]") }
        return step
    }

    private mutating func literal(_ expectation: String) throws(InputError) -> ExpressionLiteral {
        let literal: ExpressionLiteral
        switch token {
        case .string(let string): literal = .string(string)
        case .number(let text):
            guard let number = Array(text.utf8).withUnsafeBufferPointer({ ExpressionNumber($0) }) else {
                throw expected("a number of JSON's")
            }
            literal = .number(number)
        case .word("true"): literal = .bool(true)
        case .word("false"): literal = .bool(false)
        case .word("null"): literal = .null
        case .word: throw expected("\(expectation); strings stand in quotes")
        default: throw expected(expectation)
        }
        try advance()
        return literal
    }

    // MARK: Tokens

    private mutating func advance() throws(InputError) {
        (token, start) = try lexer.next()
    }

    /// Takes a word, or the symbol that means the same, if it is next.
    private mutating func take(_ word: String?, _ symbol: String?) throws(InputError) -> Bool {
        switch token {
        case .word(let found): guard let word, found.lowercased() == word else { return false }
        case .symbol(let found): guard found == symbol else { return false }
        default: return false
        }
        try advance()
        return true
    }

    private func expected(_ what: String) -> InputError {
        let found =
            switch token {
            case .end: "the end"
            case .word(let word): SafeText.quoted(word)
            case .string: "a string"
            case .number(let number): SafeText.line(number, limit: 32)
            case .symbol(let symbol): symbol
            }
        return fault.error(at: start, "expected \(what), found \(found)")
    }
}
