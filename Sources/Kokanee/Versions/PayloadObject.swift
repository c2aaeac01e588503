internal import RdKafka

/// The members of a payload that is a JSON object, for an upgrade to change.
///
/// They are kept as they were written: what an upgrade does not touch keeps its spelling and its place.
public struct PayloadObject: Sendable {
    /// An upgrade that can't be made of this payload.
    public struct Problem: Error, Hashable, CustomStringConvertible {
        public let description: String

        init(_ description: String) {
            self.description = description
        }
    }

    private struct Member {
        var name: String
        var json: [UInt8]
    }

    private var members: [Member] = []

    /// An empty payload is an object without members.
    init(_ payload: Bytes) throws(Problem) {
        let bytes = Self.utf8(payload.array)
        guard !bytes.isEmpty else { return }
        let found: [(name: String, value: Range<Int>)]
        do {
            found = try JSONText.members(of: bytes)
        } catch {
            throw Problem("the payload is no JSON object: \(error)")
        }
        // Of members of one name the first counts, as where payloads are decoded.
        var names: Set<String> = []
        for (name, range) in found where names.insert(name).inserted {
            members.append(Member(name: name, json: Array(bytes[range])))
        }
    }

    /// A payload may be in other encodings, and begin with a mark of its own.
    private static func utf8(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(bytes.dropFirst(3)) }
        return bytes.withUnsafeBytes { JSONFoundation.transcode($0) }.map { Array($0.utf8) } ?? bytes
    }

    /// The members' names, in their order.
    public var names: [String] { members.map(\.name) }

    /// Whether there is such a member, and be it null.
    public func contains(_ name: String) -> Bool { index(of: name) != nil }

    /// A member's value; nil where it is missing or null.
    ///
    /// - Throws: where it is something else.
    public func get<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value? {
        guard let index = index(of: name), !members[index].json.elementsEqual("null".utf8) else { return nil }
        do {
            return try JSONCodec().decode(type, from: Bytes(members[index].json))
        } catch {
            throw Problem("\(name) is no \(type)")
        }
    }

    /// A member's value.
    ///
    /// - Throws: where it is missing, null, or something else.
    public func require<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        guard let value = try get(name, as: type) else { throw Problem("\(name) is missing") }
        return value
    }

    /// Gives a member a value, adding it behind the others where there is none of the name.
    public mutating func set(_ name: String, _ value: some Encodable) throws {
        set(name, json: try JSONCodec().encode(value).array)
    }

    /// Takes a member away; nothing happens where there is none.
    public mutating func remove(_ name: String) {
        members.removeAll { $0.name == name }
    }

    /// Gives a member another name; nothing happens where there is none.
    ///
    /// - Throws: where another member has that name already.
    public mutating func rename(_ name: String, to newName: String) throws {
        guard let index = index(of: name), name != newName else { return }
        guard !contains(newName) else { throw Problem("\(name) can't become \(newName), which is there already") }
        members[index].name = newName
    }

    mutating func set(_ name: String, json: [UInt8]) {
        if let index = index(of: name) {
            members[index].json = json
        } else {
            members.append(Member(name: name, json: json))
        }
    }

    var payload: Bytes {
        var object = JSONObjectWriter(
            reservingCapacity: members.reduce(2) { $0 + $1.json.count + $1.name.utf8.count + 4 }
        )
        for member in members { object.add(member.name, json: member.json.span.bytes) }
        return Bytes(object.finish())
    }

    private func index(of name: String) -> Int? { members.firstIndex { $0.name == name } }
}
