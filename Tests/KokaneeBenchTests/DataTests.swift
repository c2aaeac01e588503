import Foundation
import Testing

@testable import KokaneeBench

struct KeySequenceTests {
    @Test("the n-th of Zipf's keys has a weight of 1/n")
    func zipf() {
        let count = 200_000
        let keys = KeySequence(text: "zipf:10000")!.keys(count: count)
        let counts = Dictionary(grouping: keys) { $0 }.mapValues(\.count)
        let first = Double(counts[0]!) / Double(count)
        #expect(abs(first - 0.102) < 0.005, "\(first)")
        #expect(abs(Double(counts[0]!) / Double(counts[1]!) - 2) < 0.1)
        #expect(abs(Double(counts[0]!) / Double(counts[9]!) - 10) < 1)
        #expect(keys.allSatisfy { $0 < 10_000 })
    }

    @Test("every process has the same keys")
    func same() {
        #expect(KeySequence(text: "zipf:50")!.keys(count: 100) == KeySequence(text: "zipf:50")!.keys(count: 100))
        #expect(
            KeySequence(text: "zipf:50")!.keys(count: 3) == Array(KeySequence(text: "zipf:50")!.keys(count: 9)[..<3])
        )
        #expect(KeySequence(text: "distinct")!.keys(count: 3) == [0, 1, 2])
        #expect(KeySequence(text: "cyclic:2")!.keys(count: 5) == [0, 1, 0, 1, 0])
    }

    @Test("words that mean no keys are refused", arguments: ["", "zipf", "zipf:0", "cyclic:-1", "distinct:3", "other"])
    func refused(text: String) {
        #expect(KeySequence(text: text) == nil)
    }
}

struct PayloadTests {
    @Test("payloads have 200 bytes, those of JSON about so many")
    func sizes() {
        #expect(Payload.raw.all.map(\.count) == [200])
        #expect(Payload.json.all.allSatisfy { (185...205).contains($0.count) })
        #expect(Set(Payload.json.all).count == 1000)
    }

    @Test("the JSON says what the struct holds")
    func json() throws {
        let order = try JSONDecoder().decode(Order.self, from: Data(Order.json(17).utf8))
        #expect(order.order == "order-00000017")
        #expect(order.customer == .init(id: 17, name: "Ada Lovelace", email: "ada@example.com"))
        #expect(order.lines == [.init(sku: "A-1001", quantity: 2), .init(sku: "B-2002", quantity: 1)])
        #expect(order.n == 17)
        #expect(order.t == 12345.678901)
    }
}

struct MetricsTests {
    @Test("numbers come through the pipe as they are")
    func line() throws {
        let metrics = Metrics(["rate": 123_456.789, "seconds": 1e-9, "first": 0])
        #expect(try Metrics(line: metrics.line.dropLast()) == metrics)
        #expect(throws: BenchError.self) { try metrics.require("other") }
        #expect(throws: BenchError.self) { try Metrics(line: Array("nonsense".utf8)) }
    }
}

extension Metrics {
    fileprivate init(line: ArraySlice<UInt8>) throws {
        try self.init(line: Array(line))
    }
}
