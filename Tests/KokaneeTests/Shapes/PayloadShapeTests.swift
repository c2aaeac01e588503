import Foundation
import RdKafka
import Testing

@testable import Kokanee

private enum Currency: String, Codable, CaseIterable, Sendable { case eur, usd }

private enum Level: Int, Codable, Sendable {
    case low = 1
    case high
}

private struct Address: Codable, Sendable {
    var street: String
    var zip: String?
}

private struct Tree: Codable, Sendable {
    var name: String
    var children: [Tree]
    var parent: [Tree]?
}

private struct Order: Codable, Sendable {
    var id: UUID
    var at: Date
    var page: URL?
    var amount: Double
    var count: Int32
    var isPaid: Bool
    var currency: Currency
    var level: Level
    var address: Address?
    var lines: [Address]
    var counts: [String: Int]
    var gaps: [Int?]
    var pair: [[String]]
}

/// Decodes itself by hand.
private struct Manual: Decodable, Sendable {
    enum Keys: String, CodingKey { case first, second, inner, list }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        _ = try container.decode(String.self, forKey: .first)
        if container.contains(.second) { _ = try container.decode(Int.self, forKey: .second) }
        let inner = try container.nestedContainer(keyedBy: Keys.self, forKey: .inner)
        _ = try inner.decodeIfPresent(Bool.self, forKey: .first)
        var list = try container.nestedUnkeyedContainer(forKey: .list)
        while !list.isAtEnd { _ = try list.decode(Double.self) }
    }
}

/// Takes nothing that is made up.
private struct Picky: Decodable, Sendable {
    struct Refused: Error {}

    enum Keys: String, CodingKey { case code, more }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        guard try container.decode(String.self, forKey: .code) == "a very special code" else { throw Refused() }
        _ = try container.decode(Int.self, forKey: .more)
    }
}

private struct Endless: Decodable, Sendable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        while true { _ = try container.decode(Endless.self) }
    }
}

@Suite("The shapes of payloads")
struct PayloadShapeTests {
    private func member(_ name: String, of shape: PayloadShape) throws -> PayloadShape.Member {
        try #require(shape.members?.first { $0.name == name }, "\(name) of \(shape)")
    }

    @Test("what a type wants is found: members, whether they may be missing, and what they hold")
    func synthesized() throws {
        let shape = PayloadShape(of: Order.self)
        #expect(shape.kind == .object && !shape.isPartlyKnown)
        let kinds = try #require(shape.members).reduce(into: [:]) { $0[$1.name] = $1.shape.kind }
        #expect(
            kinds == [
                "id": .string, "at": .number, "page": .string, "amount": .number, "count": .integer,
                "isPaid": .boolean, "currency": .string, "level": .integer, "address": .object, "lines": .array,
                "counts": .map, "gaps": .array, "pair": .array,
            ]
        )
        let optional = shape.members?.filter { !$0.isRequired }.map(\.name)
        #expect(optional == ["address", "page"])
        #expect(try member("id", of: shape).shape.type == "UUID")
        #expect(try member("count", of: shape).shape.type == "Int32")
        #expect(try member("currency", of: shape).shape.cases == ["eur", "usd"])
        let address = try member("address", of: shape).shape
        #expect(address.members?.map(\.isRequired) == [true, false])
        let line = try #require(try member("lines", of: shape).shape.elements?.first)
        #expect(line.members?.map(\.name) == ["street", "zip"])
        #expect(try member("counts", of: shape).shape.elements?.first?.kind == .integer)
        #expect(try member("gaps", of: shape).shape.elements?.first?.isNullable == true)
        #expect(try member("pair", of: shape).shape.elements?.first?.elements?.first?.kind == .string)
    }

    @Test("a type that decodes itself by hand shows what it asks for")
    func manual() throws {
        let shape = PayloadShape(of: Manual.self)
        #expect(!shape.isPartlyKnown)
        #expect(shape.members?.map(\.name) == ["first", "inner", "list", "second"])
        #expect(shape.members?.map(\.isRequired) == [true, true, true, false])
        #expect(try member("inner", of: shape).shape.members?.map(\.isRequired) == [false])
        #expect(try member("list", of: shape).shape.elements?.first?.kind == .number)
    }

    @Test("a type within itself comes to an end, and all of it is known")
    func recursive() throws {
        let shape = PayloadShape(of: Tree.self)
        #expect(!shape.isPartlyKnown)
        #expect(shape.members?.map(\.name) == ["children", "name", "parent"])
        #expect(try member("children", of: shape).shape.elements?.first?.kind == .recursive)
        #expect(try member("parent", of: shape).isRequired == false)
    }

    @Test("a type that refuses what is made up is partly known, and one without end harms nobody")
    func partly() throws {
        let shape = PayloadShape(of: Picky.self)
        #expect(shape.isPartlyKnown && shape.members?.map(\.name) == ["code"])
        #expect(PayloadShape(of: Endless.self).isPartlyKnown)
        #expect(PayloadShape(of: [Picky].self).elements?.first?.isPartlyKnown == true)
    }

    @Test("values alone are payloads, too")
    func scalars() {
        #expect(PayloadShape(of: Int.self).kind == .integer)
        let optional = PayloadShape(of: String?.self)
        #expect(optional.kind == .string && optional.isNullable)
        #expect(PayloadShape(of: [Int: String].self).kind == .map)
        #expect(PayloadShape(of: [UInt8].self).elements?.first?.type == "UInt8")
    }

    @Test("a registry's shapes tell names, versions, aliases, upgrades and defaults, and are read back as they were")
    func registry() throws {
        var jobs = JobRegistry()
        try jobs.register(
            "order.place",
            version: 3,
            aliases: ["order"],
            payload: Address.self,
            defaults: ["street": "-"],
            upgrades: [.edit(from: 2) { _ in }]
        ) { _, _ in }
        try jobs.register("raw") { (_: Bytes, _) in }
        let file = FileManager.default.temporaryDirectory.appending(path: "shapes-\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try jobs.writeShapes(to: file.path(), build: "b7")
        let shapes = try JobShapes(text: Bytes(Array(Data(contentsOf: file))))
        #expect(shapes.build == "b7" && !shapes.runsOthers)
        var expected = jobs.shapes
        expected.build = "b7"
        #expect(shapes == expected)
        let order = try #require(shapes.types.first)
        #expect(order.type == "order.place" && order.version == 3)
        #expect(order.aliases == ["order"] && order.upgradesFrom == [2])
        #expect(order.payload?.members?.map(\.hasDefault) == [true, false])
        #expect(shapes.types.last?.payload == nil)
        for text in ["", "{}", "[]", #"{"format":"other/1","types":[],"runsOthers":false}"#] {
            #expect(throws: InputError.self) { try JobShapes(text: Bytes(text)) }
        }
    }
}
