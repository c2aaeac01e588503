internal import Kokanee

/// What a part found out: numbers by name, one line of JSON between processes.
struct Metrics: Sendable, Equatable {
    private(set) var values: [String: Double]

    init(_ values: [String: Double] = [:]) {
        self.values = values
    }

    subscript(_ name: String) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// - Throws: ``BenchError`` where the part did not say.
    func require(_ name: String) throws -> Double {
        guard let value = values[name] else { throw BenchError("a part did not tell its \(name)") }
        return value
    }

    var line: [UInt8] {
        var object = JSONObjectWriter()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) { object.add(name, value) }
        return object.finish() + [UInt8(ascii: "\n")]
    }

    init(line: [UInt8]) throws {
        values = [:]
        let members: [(name: String, value: Range<Int>)]
        do {
            members = try JSONText.members(of: line)
        } catch {
            throw BenchError("a part wrote \(String(decoding: line.prefix(200), as: UTF8.self)), which is \(error)")
        }
        for member in members {
            values[member.name] = Double(String(decoding: line[member.value], as: UTF8.self))
        }
    }
}
