public import RdKafka

/// A condition on a job, as people write it behind `--where`: `data.country == "NO" and data.total >= 100`.
///
/// ```
/// expression = all { ("or" | "||") all }
/// all        = test { ("and" | "&&") test }
/// test       = ("not" | "!") test | "(" expression ")" | "exists" path | path condition
/// condition  = ("==" | "!=" | "<" | "<=" | ">" | ">=") (literal | path)
///            | "in" "[" literal { "," literal } "]" | "contains" literal | "startsWith" string
/// path       = "data" { step } | "type" | "id" | "key" | "version"
/// step       = "." name | "." string | "[" index "]" | "[" string "]"
/// literal    = string | number | "true" | "false" | "null"
/// ```
///
/// A string is one of JSON's, in single quotes too; a number is one of JSON's. A name has letters, digits, `_`, `$`,
/// `@` and `-`; others stand in quotes: `data."odd name"[0]`. `not` is for the one test behind it, and `and` binds
/// stronger than `or`. Operators may be in capitals, paths and literals not.
///
/// What it means:
/// - `data` is the payload, which has to be JSON in UTF-8, of at most 16 MiB and 128 levels; an empty one is `{}`, as
///   ``JSONCodec`` reads it. Where the payload is no JSON an expression that asks for `data` is not true, whatever it
///   says, not even with `not`.
/// - A comparison is false where a value is missing, or is of another kind than its opposite: `"1"` is not `1`. `!=` is
///   always the contrary of `==`, so that it is true there. `null` is a value, which is `exists`, and equals `null`.
/// - Numbers are compared exactly where both are whole numbers without an exponent, of any length; else as doubles.
/// - Strings are compared by their UTF-8 bytes, as they are without normalisation. Only numbers and strings have an
///   order.
/// - `contains` asks whether a string has another in it, or an array has an element.
/// - Of members of one name the first counts, as for ``JSONCodec``.
/// - A string or a number that is not valid, inside of a payload that is JSON otherwise, is there for `exists`, and
///   compares as if it were missing.
public struct PayloadExpression: Sendable, Equatable {
    /// What came of asking.
    public enum Answer: Sendable, Equatable {
        case yes
        case no
        /// The payload is no JSON, and was asked for.
        case unreadable
    }

    /// Bytes of an expression, at most.
    public static let longestText = 16_384
    /// How deep parentheses and `not` may be nested.
    public static let greatestDepth = 32

    /// As it was given.
    public let text: String
    let root: ExpressionNode
    /// Whether it asks for `data`.
    let asksPayload: Bool
    /// Whether it asks for `type`, `id` or `version`.
    let asksEnvelope: Bool

    /// - Throws: ``InputError``, which shows the place and says what was expected there.
    public init(_ text: String) throws {
        var parser = try ExpressionParser(text)
        self.text = text
        root = try parser.parse()
        asksPayload = parser.roots.contains(.data)
        asksEnvelope = !parser.roots.isDisjoint(with: [.type, .id, .version])
    }

    /// Asks of a job.
    ///
    /// - Parameter key: the record's key; nil is null, and as if missing.
    public func answer(_ job: DecodedJob, key: Bytes?) -> Answer {
        var (type, id) = (job.envelope.type, job.envelope.id)
        return type.withUTF8 { type in
            id.withUTF8 { id in
                job.payload.withUnsafeBytes { payload in
                    let subject = ExpressionSubject(
                        payload: payload,
                        type: UnsafeRawBufferPointer(type),
                        id: UnsafeRawBufferPointer(id),
                        key: nil,
                        version: job.envelope.version
                    )
                    guard let key else { return answer(subject) }
                    return key.withUnsafeBytes { bytes in
                        var subject = subject
                        subject.key = bytes
                        return answer(subject)
                    }
                }
            }
        }
    }

    func answer(_ subject: ExpressionSubject) -> Answer {
        guard asksPayload else {
            return ExpressionEvaluator(subject, nil).holds(root) ? .yes : .no
        }
        let payload = subject.payload.isEmpty ? JSONPayload.empty : subject.payload
        guard let tape = try? JSONTape(payload) else { return .unreadable }
        return withExtendedLifetime(tape) {
            ExpressionEvaluator(subject, tape).holds(root) ? .yes : .no
        }
    }

    public static func == (lhs: Self, rhs: Self) -> Bool { lhs.text == rhs.text }
}
