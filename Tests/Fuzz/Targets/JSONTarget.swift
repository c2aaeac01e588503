import Foundation
import RdKafka

@testable import Kokanee
@testable import kokanee

extension FuzzTarget {
    static let json = FuzzTarget(name: "json") { input in
        let isValid = JSONText.isValid(input)
        try checkOracle(input, isValid)
        guard isValid else { return }
        var line: [UInt8] = []
        JSONText.appendSingleLine(input, to: &line)
        try require(!line.contains { $0 == 0x0A || $0 == 0x0D }, "one line has no line breaks")
        try require(JSONText.isValid(line) && line.count == input.count, "one line is the same text")
        let pretty = PrettyJSON.lines(input).joined(separator: "\n")
        try require(JSONText.isValid(Array(pretty.utf8)), "what is laid out for people is JSON")
        if let string = JSONText.string(input[...]) {
            var escaped: [UInt8] = []
            JSONText.appendEscaped(string, to: &escaped)
            try requireEqual(JSONText.string(escaped[...]), string, "a string is read back")
            if let oracle = oracleJSON(input) as? String {
                try requireEqual(string, oracle, "a string is the oracle's")
            }
        }
        guard let members = try? JSONText.members(of: input) else { return }
        var writer = JSONObjectWriter()
        for (name, range) in members {
            let value = Array(input[range])
            try require(JSONText.isValid(value), "a member's value is JSON")
            writer.add(name, json: value.span.bytes)
        }
        let written = writer.finish()
        let again = try JSONText.members(of: written)
        try requireEqual(again.map(\.name), members.map(\.name), "names are read back")
        guard let oracle = oracleJSON(input) as? [String: Any] else { return }
        try requireEqual(Set(members.map(\.name)), Set(oracle.keys), "names are the oracle's")
    }

    /// Foundation guesses encodings, allows a byte order mark and a comma behind the last element, and refuses lone
    /// surrogates and numbers that it can't hold.
    private static func checkOracle(_ input: [UInt8], _ isValid: Bool) throws {
        let text = String(decoding: input, as: UTF8.self)
        guard !input.contains(0), !input.starts(with: [0xEF, 0xBB, 0xBF]), !input.starts(with: [0xFE, 0xFF]),
            !input.starts(with: [0xFF, 0xFE]), !text.lowercased().contains("\\ud")
        else { return }
        let isLongNumber = input.split { !(0x30...0x39 ~= $0 || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0)) }
            .contains { $0.count > 15 || $0.contains(0x65) || $0.contains(0x45) }
        let hasTrailingComma = text.contains(/,[ \t\r\n]*[\]}]/)
        let isOracleValid = oracleJSON(input) != nil && !hasTrailingComma
        if isOracleValid, !isValid { throw Violation("Foundation takes what is refused here") }
        if isValid, !isOracleValid, !isLongNumber, !hasTrailingComma {
            throw Violation("Foundation refuses what is taken here")
        }
    }
}
