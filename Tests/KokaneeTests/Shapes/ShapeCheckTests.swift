import RdKafka
import Testing

@testable import Kokanee

@Suite("Two builds' job types")
struct ShapeCheckTests {
    private struct Old: Codable, Sendable {
        var invoice: Int
        var note: String?
    }

    private func types(_ register: (inout JobRegistry) throws -> Void) throws -> JobShapes {
        var jobs = JobRegistry()
        try register(&jobs)
        return jobs.shapes
    }

    private func shapes<Payload: Decodable & Sendable>(
        _ payload: Payload.Type,
        version: Int = 1,
        defaults: [String: any Encodable & Sendable] = [:],
        upgrades: [PayloadUpgrade] = []
    ) throws -> JobShapes {
        try types {
            try $0.register("t", version: version, payload: payload, defaults: defaults, upgrades: upgrades) { _, _ in }
        }
    }

    /// `direction member` of what breaks.
    private func breaks(_ old: JobShapes, _ new: JobShapes) -> [String] {
        ShapeCheck(old: old, new: new).types.flatMap(\.findings).filter(\.isBreaking).map { finding in
            "\(finding.direction == .newReadsOld ? "old job" : "new job") \(finding.member ?? "-")"
        }.sorted()
    }

    @Test("builds of the same types are compatible, in both directions")
    func same() throws {
        let shapes = try shapes(Old.self)
        #expect(ShapeCheck(old: shapes, new: shapes).types.map(\.findings) == [[]])
    }

    @Test("a member that is added breaks old jobs if it is required and has no default; new jobs break nobody for it")
    func added() throws {
        struct Optional: Codable, Sendable {
            var invoice: Int
            var note: String?
            var copies: Int?
        }
        struct Required: Codable, Sendable {
            var invoice: Int
            var note: String?
            var copies: Int
        }
        #expect(breaks(try shapes(Old.self), try shapes(Optional.self)) == [])
        #expect(breaks(try shapes(Old.self), try shapes(Required.self)) == ["old job copies"])
        #expect(breaks(try shapes(Old.self), try shapes(Required.self, defaults: ["copies": 1])) == [])
        // A version alone helps old jobs no more; an upgrade does.
        #expect(breaks(try shapes(Old.self), try shapes(Required.self, version: 2)) == ["old job copies"])
        let upgrade = PayloadUpgrade.edit(from: 1) { try $0.set("copies", 1) }
        #expect(breaks(try shapes(Old.self), try shapes(Required.self, version: 2, upgrades: [upgrade])) == [])
    }

    @Test("a member that is removed, or may be missing, breaks the workers that need it, unless its version says so")
    func removed() throws {
        struct Removed: Codable, Sendable {
            var note: String?
        }
        struct Loosened: Codable, Sendable {
            var invoice: Int?
            var note: String?
        }
        struct Tightened: Codable, Sendable {
            var invoice: Int
            var note: String
        }
        #expect(breaks(try shapes(Old.self), try shapes(Removed.self)) == ["new job invoice"])
        #expect(breaks(try shapes(Old.self), try shapes(Loosened.self)) == ["new job invoice"])
        #expect(breaks(try shapes(Old.self), try shapes(Removed.self, version: 2)) == [])
        #expect(breaks(try shapes(Old.self), try shapes(Tightened.self)) == ["old job note"])
    }

    @Test("a member of another type breaks whoever reads the other's, and one of a wider type only the old build")
    func changed() throws {
        struct Text: Codable, Sendable {
            var invoice: String
        }
        struct Narrow: Codable, Sendable {
            var invoice: Int32
        }
        struct Wide: Codable, Sendable {
            var invoice: Int64
        }
        struct Real: Codable, Sendable {
            var invoice: Double
        }
        #expect(breaks(try shapes(Wide.self), try shapes(Text.self)) == ["new job invoice", "old job invoice"])
        #expect(breaks(try shapes(Narrow.self), try shapes(Wide.self)) == ["new job invoice"])
        #expect(breaks(try shapes(Wide.self), try shapes(Narrow.self)) == ["old job invoice"])
        #expect(breaks(try shapes(Narrow.self), try shapes(Real.self)) == ["new job invoice"])
    }

    @Test("a case that is added breaks workers that don't know it, and one that is removed the jobs that have it")
    func cases() throws {
        enum Two: String, Codable, CaseIterable { case a, b }
        enum Three: String, Codable, CaseIterable { case a, b, c }
        #expect(breaks(try shapes([Two].self), try shapes([Three].self)) == ["new job []"])
        #expect(breaks(try shapes([Three].self), try shapes([Two].self)) == ["old job []"])
        #expect(breaks(try shapes([Two].self), try shapes([String].self)) == ["new job []"])
    }

    @Test("members within members are compared, by their paths")
    func nested() throws {
        struct Outer<Inner: Codable & Sendable>: Codable, Sendable {
            var lines: [Inner]
            var byName: [String: Inner]
        }
        struct A: Codable, Sendable {
            var n: Int
        }
        struct B: Codable, Sendable {
            var n: Bool
        }
        let found = breaks(try shapes(Outer<A>.self), try shapes(Outer<B>.self))
        #expect(found == ["new job byName[].n", "new job lines[].n", "old job byName[].n", "old job lines[].n"])
    }

    @Test("a type that is gone, or whose version went down, breaks old jobs; one that is renamed wants an alias")
    func types() throws {
        let old = try shapes(Old.self, version: 2)
        let gone = try types { _ in }
        let renamed = try types { try $0.register("u", version: 2, payload: Old.self) { _, _ in } }
        let aliased = try types {
            try $0.register("u", version: 2, aliases: ["t"], payload: Old.self) { _, _ in }
        }
        #expect(breaks(old, gone) == ["old job -"])
        #expect(breaks(old, renamed) == ["old job -"])
        #expect(breaks(old, aliased) == [])
        #expect(breaks(old, try shapes(Old.self)) == ["old job -"])
        let check = ShapeCheck(old: old, new: aliased)
        #expect(check.types.map(\.type) == ["t"] && check.types[0].findings.contains { $0.message.contains("u now") })
        var others = JobRegistry()
        others.registerCatchAll(NoHandler())
        #expect(breaks(old, others.shapes) == [], "it runs all types")
    }

    @Test(
        "an earlier name that has become a type of its own is read by both builds, and one that is new by the new one"
    )
    func aliases() throws {
        struct Other: Codable, Sendable {
            var text: String
        }
        let old = try types { try $0.register("a", aliases: ["z"], payload: Old.self) { _, _ in } }
        let split = try types {
            try $0.register("a", payload: Old.self) { _, _ in }
            try $0.register("z", payload: Other.self) { _, _ in }
        }
        #expect(breaks(old, split) == ["new job invoice", "old job text"])
        #expect(ShapeCheck(old: old, new: split).types.last?.findings == [], "the old build doesn't refuse it")
        // What only the new build knows by that name the old one refuses, and does not read.
        let renamed = try types { try $0.register("b", aliases: ["a", "z"], payload: Other.self) { _, _ in } }
        #expect(breaks(old, renamed) == ["old job text"])
        let swapped = try types { try $0.register("z", payload: Other.self) { _, _ in } }
        #expect(breaks(old, swapped) == ["new job invoice", "old job -", "old job text"])
    }

    @Test("what is new, upgraded or partly known is a note, which breaks nothing")
    func notes() throws {
        let old = try shapes(Old.self)
        let new = try types {
            try $0.register("t", version: 2, payload: Old.self, upgrades: [.edit(from: 1) { _ in }]) { _, _ in }
            try $0.register("added", payload: Old.self) { _, _ in }
            try $0.alias("earlier", of: "added")
        }
        let check = ShapeCheck(old: old, new: new)
        #expect(check.isCompatible && check.types.map(\.type) == ["added", "t"])
        #expect(check.types.map { $0.findings.count } == [1, 2])
        #expect(ShapeCheck(old: new, new: old).types.map(\.isCompatible) == [false, false])
        let raw = try types { try $0.register("t") { (_: Bytes, _) in } }
        #expect(ShapeCheck(old: old, new: raw).isCompatible)
    }
}

private struct NoHandler: JobHandler {
    func perform(_ payload: Bytes, _ context: JobContext) async throws {}
}
