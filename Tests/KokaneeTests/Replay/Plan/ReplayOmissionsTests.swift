import RdKafka
import Testing

@testable import Kokanee

@Suite("ReplayOmissions")
struct ReplayOmissionsTests {
    @Test(
        "a later record is one that names its attempt, and whose job's first record stands before it in the plan",
        arguments: [
            ("kokanee-attempt=2 kokanee-origin=q/1/12", true), ("kokanee-attempt=1 kokanee-origin=q/1/12", true),
            // A dead letter that was sent back, and one that has hopped since.
            ("kokanee-origin=q/1/12 kokanee-retried-from=q.dlq/1/0", false),
            ("kokanee-attempt=1 kokanee-origin=q/1/12 kokanee-retried-from=q.dlq/1/0", true),
            ("kokanee-attempt=1", false), ("kokanee-attempt=x kokanee-origin=q/1/12", false),
            // Before the plan, behind it, in another place, the record's own place, and not selected.
            ("kokanee-attempt=2 kokanee-origin=q/1/9", false), ("kokanee-attempt=2 kokanee-origin=q/1/30", false),
            ("kokanee-attempt=2 kokanee-origin=q/0/12", false), ("kokanee-attempt=2 kokanee-origin=r/1/12", false),
            ("kokanee-attempt=2 kokanee-origin=q/1/15", false), ("kokanee-attempt=2 kokanee-origin=q/1/13", false),
        ]
    )
    func repetitions(headers: String, isOne: Bool) throws {
        let selector = try RecordSelector(Selection(), defaultType: "t", listed: [1: OffsetSet([9, 12, 15])])
        let omissions = ReplayOmissions(topic: "q", ranges: [1: 10..<20], selector: selector)
        #expect(omissions.isRepetition(HeaderScan(Self.headers(headers)), 1, 15) == isOne)
    }

    private static func headers(_ text: String) -> [Header] {
        text.split(separator: " ").map { word in
            let parts = word.split(separator: "=")
            return Header(String(parts[0]), Bytes(String(parts[1])))
        }
    }
}
