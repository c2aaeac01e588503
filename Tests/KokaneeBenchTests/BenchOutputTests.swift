import Foundation
import Kokanee
import Synchronization
import Testing

@testable import KokaneeBench
@testable import kokanee

struct BenchOutputTests {
    private static func result(
        _ rounds: [(Double, Double?)],
        _ target: Target?,
        unit: String = "jobs/s"
    ) -> RowResult {
        RowResult(
            row: Row("work", "jobs", unit: unit, target),
            measurement: Measurement(rounds.map { .init(value: $0.0, baseline: $0.1) })
        )
    }

    private func object(_ result: RowResult) throws -> [String: Any] {
        let bytes = BenchOutput.object(result, on: Machine()).finish()
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test("a row's JSON has the fields that programs rely on")
    func fields() throws {
        let object = try object(Self.result([(80, 100), (90, 100), (85, 100)], .ratioAtLeast(0.9)))
        #expect(object["row"] as? String == "work")
        #expect(object["value"] as? Double == 85)
        #expect(object["unit"] as? String == "jobs/s")
        #expect(object["baseline"] as? Double == 100)
        #expect(object["ratio"] as? Double == 0.85)
        #expect(object["spread"] as? Double == 0.1176)
        #expect(object["target"] as? String == "ratio >= 0.90")
        #expect(object["met"] as? Bool == false)
        #expect(object["rounds"] as? Int == 3)
        #expect(object["excess"] is NSNull)
        #expect((object["machine"] as? String)?.contains("librdkafka") == true)
    }

    @Test("a row that is judged by an excess tells it, the median of the rounds' differences")
    func excess() throws {
        let result = Self.result([(5, 4), (8, 6.5), (6, 6)], .excessAtMost(1), unit: "ms")
        let object = try object(result)
        #expect(object["value"] as? Double == 6)
        #expect(object["baseline"] as? Double == 6)
        #expect(object["ratio"] as? Double == 1.2308)
        #expect(object["excess"] as? Double == 1)
        #expect(object["met"] as? Bool == true)
        let less = Self.result([(5, 5.25)], .excessAtMost(1), unit: "ms")
        let lines = BenchOutput.table([result, less]).text().split(separator: "\n")
        #expect(lines[1].contains("6.000  +1.000 ms") && lines[1].contains("excess <= 1 ms"))
        #expect(lines[2].contains("5.250  -0.250 ms"))
    }

    @Test("a row that stands by itself has null for baseline and ratio")
    func alone() throws {
        let object = try object(Self.result([(100, nil)], .atMost(120)))
        #expect(object["baseline"] is NSNull)
        #expect(object["ratio"] is NSNull)
        #expect(object["met"] as? Bool == true)
    }

    @Test("the table shows median, baseline, ratio, spread, target and whether it is met")
    func table() {
        let rows = [
            Self.result([(1_234_567, 1_000_000)], .ratioAtLeast(0.9)), Self.result([(3.14159, nil)], .atMost(3)),
        ]
        let lines = BenchOutput.table(rows).text().split(separator: "\n")
        #expect(
            lines[0].split(separator: " ") == ["row", "median", "unit", "baseline", "ratio", "spread", "target", "met"]
        )
        #expect(lines[1].contains("1 234 567  jobs/s  1 000 000  1.235   0.0 %  ratio >= 0.90  yes"))
        #expect(lines[2].contains("3.142") && lines[2].hasSuffix("NO"))
    }

    @Test("a row that has nothing to reach is shown, and misses nothing")
    func bounds() throws {
        let result = Self.result([(80, 100)], nil)
        let line = BenchOutput.table([result]).text().split(separator: "\n")[1]
        #expect(line.contains("0.800") && line.hasSuffix("-       -"), "\(line)")
        let object = try object(result)
        #expect(object["target"] is NSNull && object["met"] is NSNull)
        let said = Mutex("")
        let errors = TextSink { text in said.withLock { $0 += String(decoding: text, as: UTF8.self) } }
        let output = BenchOutput(Console(output: TextSink { _ in }, error: errors), machine: Machine())
        try output.take(.measured(result))
        try output.finish(isChecked: true)
        try output.take(.measured(Self.result([(80, 100)], .ratioAtLeast(0.9))))
        #expect(throws: Failure.self) { try output.finish(isChecked: true) }
        #expect(said.withLock { $0.contains("1 of 1 rows miss") })
    }

    @Test(
        "numbers have as many digits as a benchmark knows",
        arguments: [
            (0.0, "0.000"), (1.23456, "1.235"), (-0.5, "-0.500"), (12.345, "12.35"), (999.94, "999.9"),
            (1234.5, "1 235"), (-0.0001, "0.000"),
        ]
    )
    func numbers(value: Double, text: String) {
        #expect(BenchOutput.number(value) == text)
    }

    @Test("rows that could not be measured are a failure, whoever reads the table")
    func unread() throws {
        let console = Console(output: TextSink { _ in throw TextSink.ReaderGone() }, error: TextSink { _ in })
        let output = BenchOutput(console, machine: Machine())
        try output.take(.measured(Self.result([(80, 100)], .ratioAtLeast(0.5))))
        try output.take(.failed(rows: ["work"], "no broker"))
        #expect(throws: Failure.self) { try output.finish(isChecked: false) }
    }
}
