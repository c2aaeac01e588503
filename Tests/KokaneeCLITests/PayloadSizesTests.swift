import Kokanee
import RdKafka
import Testing

@testable import kokanee

@Suite("Sizes of payloads that are enqueued")
struct PayloadSizesTests {
    private func job(_ type: String, _ size: Int) -> NewJob {
        NewJob(type: type, payload: Bytes([UInt8](repeating: 0x20, count: size)))
    }

    @Test("large ones are told of once for each type, with their number and advice")
    func warnings() {
        var sizes = PayloadSizes()
        for job in [job("b", 70_000), job("a", 65_536), job("a", 65_537), job("a", 90_000)] { sizes.note(job) }
        #expect(sizes.warnings.count == 2)
        #expect(sizes.warnings[0].contains("2 jobs of type a with a payload above 64 KiB, the largest of 90000 bytes"))
        #expect(sizes.warnings[1].contains("1 job of type b"))
        #expect(sizes.warnings.allSatisfy { $0.contains("an id or a path, not the data") })
    }

    @Test("however many types there are, they fill neither memory nor terminal")
    func bounded() {
        var sizes = PayloadSizes()
        for number in 0..<100 { sizes.note(job("\(number)", 70_000)) }
        #expect(sizes.warnings.count == 20)
    }
}
