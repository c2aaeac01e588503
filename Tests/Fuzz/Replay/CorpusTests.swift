import Foundation
import Testing

/// The corpus of `make fuzz`, without libFuzzer: what once broke a promise does not do so again.
@Suite("What anybody may send")
struct CorpusTests {
    /// The kept inputs of a target, by their files' names.
    private static func corpus(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Corpus/\(target.name)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        return try names.map { ($0, Array(try Data(contentsOf: folder.appending(path: $0)))) }
    }

    @Test("no input of the corpus breaks a promise", arguments: FuzzTarget.all)
    func corpus(target: FuzzTarget) throws {
        let inputs = try Self.corpus(of: target)
        #expect(!inputs.isEmpty)
        for input in inputs {
            #expect(throws: Never.self, "\(target.name)/\(input.name)") { try target.run(input.bytes) }
        }
    }

    @Test("neither do thousands of mutations of it, the same in every run", arguments: FuzzTarget.all)
    func mutations(target: FuzzTarget) throws {
        let inputs = try Self.corpus(of: target).map(\.bytes)
        var mutator = Mutator(seed: 20_260_701)
        let count = target.isSlow ? 300 : 3000
        for number in 0..<count {
            let input = mutator.mutate(inputs)
            #expect(throws: Never.self, "mutation \(number), in base64 \(Data(input).base64EncodedString())") {
                try target.run(input)
            }
        }
    }

    @Test("every folder of the corpus has a target")
    func folders() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "Corpus").path)
        #expect(Set(names) == Set(FuzzTarget.all.map(\.name)))
    }
}

extension FuzzTarget: CustomTestStringConvertible {
    var testDescription: String { name }

    /// Takes a millisecond an input and more in a debug build.
    fileprivate var isSlow: Bool { ["envelope", "handler"].contains(name) }
}
