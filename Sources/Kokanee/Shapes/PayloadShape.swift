/// What a payload's type wants of the text that it is decoded from, as far as it could be found out.
public struct PayloadShape: Sendable, Hashable, Codable {
    public struct Kind: RawRepresentable, Sendable, Hashable, Codable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// An object whose members have names of their own.
        public static let object = Kind(rawValue: "object")
        /// An object whose members are of any name, and alike.
        public static let map = Kind(rawValue: "map")
        public static let array = Kind(rawValue: "array")
        public static let string = Kind(rawValue: "string")
        public static let integer = Kind(rawValue: "integer")
        public static let number = Kind(rawValue: "number")
        public static let boolean = Kind(rawValue: "boolean")
        /// A type within itself, as of a tree.
        public static let recursive = Kind(rawValue: "recursive")
        public static let unknown = Kind(rawValue: "unknown")
    }

    public struct Member: Sendable, Hashable, Codable {
        public var name: String
        /// Whether it may not be missing, nor null.
        public var isRequired: Bool
        /// Whether it is given a value where it is missing.
        public var hasDefault: Bool
        public var shape: PayloadShape

        public init(name: String, isRequired: Bool, hasDefault: Bool = false, shape: PayloadShape) {
            self.name = name
            self.isRequired = isRequired
            self.hasDefault = hasDefault
            self.shape = shape
        }
    }

    public var kind: Kind
    /// In Swift: `Int32`, `UUID`.
    public var type: String
    /// Of an object, by their names.
    public var members: [Member]?
    /// Of an array or a map: one, or one for each place of an array of different ones.
    public var elements: [PayloadShape]?
    /// The only values that there are, in the order of their text.
    public var cases: [String]?
    public var isNullable: Bool
    /// Whether its decoding took none of the values that were tried, so that there may be more to it.
    public var isPartlyKnown: Bool

    public init(
        _ kind: Kind,
        type: String,
        members: [Member]? = nil,
        elements: [PayloadShape]? = nil,
        cases: [String]? = nil,
        isNullable: Bool = false,
        isPartlyKnown: Bool = false
    ) {
        self.kind = kind
        self.type = type
        self.members = members
        self.elements = elements
        self.cases = cases
        self.isNullable = isNullable
        self.isPartlyKnown = isPartlyKnown
    }

    /// The shape of a type, found by asking it to decode itself from text that gives what it asks for.
    ///
    /// What the type's `init(from:)` does happens some times over, with values that nobody wrote: numbers such as 0 and 1,
    /// texts such as `a`, an address, a time. One that throws is partly known.
    public init<Payload: Decodable>(of payload: Payload.Type) {
        self = ShapeProbe.shape(of: payload)
    }
}

/// What a registry knows of a type's payload beside how to run it.
struct PayloadDescription: Sendable {
    let upgradesFrom: [Int]
    private let defaults: [String]
    private let probe: @Sendable () -> PayloadShape

    init<Payload: Decodable & Sendable>(of payload: Payload.Type, _ evolution: PayloadEvolution?) {
        upgradesFrom = evolution?.upgradedVersions ?? []
        defaults = evolution?.defaultedMembers ?? []
        probe = { PayloadShape(of: Payload.self) }
    }

    var shape: PayloadShape {
        var shape = probe()
        shape.members = shape.members?.map { member in
            var member = member
            member.hasDefault = defaults.contains(member.name)
            return member
        }
        return shape
    }
}
