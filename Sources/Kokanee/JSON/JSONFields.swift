/// The members of a JSON object, by name, for readers that know what they want of it.
struct JSONFields {
    private let bytes: [UInt8]
    private let ranges: [String: Range<Int>]

    /// Nil where the bytes are not an object. Of members with the same name the last counts.
    init?(_ bytes: [UInt8]) {
        guard let members = try? JSONText.members(of: bytes) else { return nil }
        self.bytes = bytes
        ranges = Dictionary(members.map { ($0.name, $0.value) }) { _, last in last }
    }

    /// Nil where there is no such member, or where it is no string.
    func string(_ name: String) -> String? {
        ranges[name].flatMap { JSONText.string(bytes[$0]) }
    }

    /// Nil where there is no such member, or where it is no whole number within 64 bits.
    func integer(_ name: String) -> Int64? {
        ranges[name].flatMap { Int64(String(decoding: bytes[$0], as: UTF8.self)) }
    }

    /// As ``integer(_:)``, of milliseconds since the epoch, within 0 to ``Timestamp/latest``: anybody may have written them, and
    /// they are calculated with.
    func time(_ name: String) -> Int64? {
        integer(name).map(Timestamp.clamped)
    }

    /// As ``integer(_:)``, of how many something is: so few at most that many such can be added up.
    func count(_ name: String) -> Int? {
        integer(name).map { Int(min(max(0, $0), 1 << 40)) }
    }

    /// Nil where there is no such member, or where it is neither true nor false.
    func boolean(_ name: String) -> Bool? {
        guard let value = raw(name) else { return nil }
        return value.elementsEqual("true".utf8) ? true : value.elementsEqual("false".utf8) ? false : nil
    }

    /// The JSON text of a member's value; nil where there is no such member.
    func text(_ name: String) -> [UInt8]? {
        ranges[name].map { Array(bytes[$0]) }
    }

    func object(_ name: String) -> JSONFields? {
        ranges[name].flatMap { JSONFields(Array(bytes[$0])) }
    }

    /// The elements of an array; none where there is no such member, or where it is no array.
    func elements(_ name: String) -> [[UInt8]] {
        guard let range = ranges[name] else { return [] }
        let array = Array(bytes[range])
        return (try? JSONText.elements(of: array.span.bytes))?.map { Array(array[$0]) } ?? []
    }

    /// A member's value as it is spelt; nil where there is no such member.
    func raw(_ name: String) -> [UInt8]? {
        ranges[name].map { Array(bytes[$0]) }
    }

    /// All members that are whole numbers.
    var integers: [String: Int64] {
        ranges.keys.reduce(into: [:]) { $0[$1] = integer($1) }
    }
}
