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
        let omissions = ReplayOmissions(
            topic: "q",
            ranges: [1: 10..<20],
            selection: Selection(),
            selector: selector,
            plannedAt: nil
        )
        #expect(omissions.isRepetition(HeaderScan(Self.headers(headers)), 1, 15) == isOne)
    }

    @Test("a job is still to come if it was not due when the plan was made, unless its outcome is what selects it")
    func toCome() throws {
        func isToCome(_ headers: String, plannedAt: Int64? = 1000, _ change: (inout Selection) -> Void = { _ in })
            throws
            -> Bool
        {
            var selection = Selection()
            change(&selection)
            let omissions = ReplayOmissions(
                topic: "q",
                ranges: [:],
                selection: selection,
                selector: try RecordSelector(selection, defaultType: "t"),
                plannedAt: plannedAt
            )
            return omissions.isToCome(HeaderScan(Self.headers(headers)))
        }
        #expect(try isToCome("kokanee-due-at=1001"))
        #expect(try !isToCome("kokanee-due-at=1000"))
        #expect(try !isToCome("kokanee-attempt=2"))
        #expect(try !isToCome("kokanee-due-at=1001", plannedAt: nil))
        #expect(try !isToCome("kokanee-due-at=1001") { $0.isOnlyFailed = true })
        #expect(try !isToCome("kokanee-due-at=1001") { $0.completedBy = ["1"] })
        #expect(try isToCome("kokanee-due-at=1001") { $0.skipsDone = true })
        // Nobody ever runs it.
        #expect(try !isToCome("kokanee-due-at=\(1001 + Intake.furthestDue)"))
        #expect(try !isToCome("kokanee-due-at=9999999999999999", plannedAt: .min))
    }

    private static func headers(_ text: String) -> [Header] {
        text.split(separator: " ").map { word in
            let parts = word.split(separator: "=")
            return Header(String(parts[0]), Bytes(String(parts[1])))
        }
    }
}
