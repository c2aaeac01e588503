import Testing

@testable import Kokanee

@Suite struct CronExpressionTests {
    struct Case: CustomTestStringConvertible {
        let expression: String
        let zone: String
        let after: String
        let next: [String]

        init(_ expression: String, _ zone: String = "UTC", after: String, _ next: String...) {
            self.expression = expression
            self.zone = zone
            self.after = after
            self.next = next
        }

        var testDescription: String { "\(expression) in \(zone) after \(after)" }
    }

    static let calendar: [Case] = [
        .init("* * * * *", after: "2026-11-26T01:00:00Z", "2026-11-26T01:01:00Z", "2026-11-26T01:02:00Z"),
        .init("*/5 * * * * *", after: "2026-11-26T00:59:57Z", "2026-11-26T01:00:00Z", "2026-11-26T01:00:05Z"),
        .init(
            "10/20 * * * *",
            after: "2026-01-01T00:00:00Z",
            "2026-01-01T00:10:00Z",
            "2026-01-01T00:30:00Z",
            "2026-01-01T00:50:00Z",
            "2026-01-01T01:10:00Z"
        ),
        .init(
            "0 9-17/4 * * MON-FRI",
            after: "2026-11-27T10:00:00Z",
            "2026-11-27T13:00:00Z",
            "2026-11-27T17:00:00Z",
            "2026-11-30T09:00:00Z"
        ),
        .init(
            "0 22-2/2 * * *",
            after: "2026-01-01T12:00:00Z",
            "2026-01-01T22:00:00Z",
            "2026-01-02T00:00:00Z",
            "2026-01-02T02:00:00Z",
            "2026-01-02T22:00:00Z"
        ),
        .init(
            "0 0 * * FRI-MON",
            after: "2026-11-26T12:00:00Z",
            "2026-11-27T00:00:00Z",
            "2026-11-28T00:00:00Z",
            "2026-11-29T00:00:00Z",
            "2026-11-30T00:00:00Z",
            "2026-12-04T00:00:00Z"
        ),
        .init(
            "0 0 * * 5-7",
            after: "2026-11-26T12:00:00Z",
            "2026-11-27T00:00:00Z",
            "2026-11-28T00:00:00Z",
            "2026-11-29T00:00:00Z",
            "2026-12-04T00:00:00Z"
        ),
        .init("0 0 * nov-jan *", after: "2026-01-31T00:00:00Z", "2026-11-01T00:00:00Z"),
        // Leap years, and a century that is none.
        .init("0 0 29 2 *", after: "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"),
        .init("0 0 29 2 *", after: "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        .init("0 0 29 2 ?", after: "1999-12-31T00:00:00Z", "2000-02-29T00:00:00Z"),
        // Where one of the fields of days begins with *, both must mean the day.
        .init("0 0 */30 * MON", after: "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        .init(
            "0 0 13 * FRI",
            after: "2026-11-26T00:00:00Z",
            "2026-11-27T00:00:00Z",
            "2026-12-04T00:00:00Z",
            "2026-12-11T00:00:00Z",
            "2026-12-13T00:00:00Z"
        ),
        // Ends of months.
        .init("0 0 31 * *", after: "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"),
        .init("59 59 23 L * ?", after: "2024-01-31T23:59:59Z", "2024-02-29T23:59:59Z", "2024-03-31T23:59:59Z"),
        .init("0 0 L-3 * *", after: "2026-02-01T00:00:00Z", "2026-02-25T00:00:00Z", "2026-03-28T00:00:00Z"),
        .init(
            "0 0 LW * *",
            after: "2026-01-01T00:00:00Z",
            "2026-01-30T00:00:00Z",
            "2026-02-27T00:00:00Z",
            "2026-03-31T00:00:00Z"
        ),
        // 15 August 2026 is a Saturday, 15 November 2026 a Sunday, 1 August a Saturday.
        .init("0 0 15W 8,11 *", after: "2026-08-01T00:00:00Z", "2026-08-14T00:00:00Z", "2026-11-16T00:00:00Z"),
        .init("0 0 1W 8 *", after: "2026-01-01T00:00:00Z", "2026-08-03T00:00:00Z"),
        .init("0 0 31W 5 *", after: "2026-01-01T00:00:00Z", "2026-05-29T00:00:00Z"),
        .init("0 8 ? * MON#1", after: "2026-11-01T00:00:00Z", "2026-11-02T08:00:00Z", "2026-12-07T08:00:00Z"),
        .init("0 8 ? * FRI#5", after: "2026-11-01T00:00:00Z", "2027-01-29T08:00:00Z"),
        .init("0 8 ? * FRIL", after: "2026-11-01T00:00:00Z", "2026-11-27T08:00:00Z", "2026-12-25T08:00:00Z"),
        .init("0 8 ? * 0L", after: "2026-11-01T00:00:00Z", "2026-11-29T08:00:00Z"),
        .init(
            "0 0 1,15,L * *",
            after: "2026-02-02T00:00:00Z",
            "2026-02-15T00:00:00Z",
            "2026-02-28T00:00:00Z",
            "2026-03-01T00:00:00Z"
        ),
        // Names.
        .init("@hourly", after: "2026-01-01T00:00:01Z", "2026-01-01T01:00:00Z"),
        .init("@daily", after: "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        .init("@MIDNIGHT", after: "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        .init("@weekly", after: "2026-11-26T00:00:00Z", "2026-11-29T00:00:00Z"),
        .init("@monthly", after: "2026-11-26T00:00:00Z", "2026-12-01T00:00:00Z"),
        .init("@yearly", after: "2026-11-26T00:00:00Z", "2027-01-01T00:00:00Z"),
        .init("@annually", after: "2026-11-26T00:00:00Z", "2027-01-01T00:00:00Z"),
        .init("  @every  90s ", after: "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z"),
    ]

    static let zones: [Case] = [
        .init("0 8 * * *", "Asia/Kathmandu", after: "2026-01-01T00:00:00Z", "2026-01-01T08:00:00+05:45"),
        .init("30 9 * * *", "America/New_York", after: "2026-07-01T00:00:00Z", "2026-07-01T09:30:00-04:00"),
        // Oslo, 29 March 2026: 02:00 becomes 03:00. What is left out fires when the gap ends, once.
        .init(
            "30 2 * * *",
            "Europe/Oslo",
            after: "2026-03-28T02:00:00Z",
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:30:00+02:00"
        ),
        .init(
            "*/15 2 * * *",
            "Europe/Oslo",
            after: "2026-03-28T02:00:00Z",
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:00:00+02:00"
        ),
        .init(
            "0,30 2,3 * * *",
            "Europe/Oslo",
            after: "2026-03-28T12:00:00Z",
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:30:00+02:00",
            "2026-03-30T02:00:00+02:00"
        ),
        .init(
            "30 * * * *",
            "Europe/Oslo",
            after: "2026-03-29T00:00:00Z",
            "2026-03-29T01:30:00+01:00",
            "2026-03-29T03:30:00+02:00"
        ),
        // Oslo, 25 October 2026: 03:00 becomes 02:00.
        .init(
            "30 2 * * *",
            "Europe/Oslo",
            after: "2026-10-24T12:00:00Z",
            "2026-10-25T02:30:00+02:00",
            "2026-10-26T02:30:00+01:00"
        ),
        .init(
            "30 * * * *",
            "Europe/Oslo",
            after: "2026-10-24T23:45:00Z",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:30:00+01:00"
        ),
        .init(
            "0 0-23 * * *",
            "Europe/Oslo",
            after: "2026-10-24T23:45:00Z",
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00"
        ),
        .init(
            "@every 1h",
            "Europe/Oslo",
            after: "2026-10-24T23:45:00Z",
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00"
        ),
        // New York, 8 March and 1 November 2026.
        .init(
            "15 2 * * *",
            "America/New_York",
            after: "2026-03-07T12:00:00Z",
            "2026-03-08T03:00:00-04:00",
            "2026-03-09T02:15:00-04:00"
        ),
        .init(
            "15 1 * * *",
            "America/New_York",
            after: "2026-10-31T12:00:00Z",
            "2026-11-01T01:15:00-04:00",
            "2026-11-02T01:15:00-05:00"
        ),
        // Lord Howe moves by half an hour: 2:00 becomes 2:30, and 2:00 becomes 1:30.
        .init(
            "15 2 * * *",
            "Australia/Lord_Howe",
            after: "2026-10-03T00:00:00Z",
            "2026-10-04T02:30:00+11:00",
            "2026-10-05T02:15:00+11:00"
        ),
        .init(
            "45 1 * * *",
            "Australia/Lord_Howe",
            after: "2026-04-04T00:00:00Z",
            "2026-04-05T01:45:00+11:00",
            "2026-04-06T01:45:00+10:30"
        ),
        .init(
            "45 * * * *",
            "Australia/Lord_Howe",
            after: "2026-04-04T14:00:00Z",
            "2026-04-05T01:45:00+11:00",
            "2026-04-05T01:45:00+10:30",
            "2026-04-05T02:45:00+10:30"
        ),
        // Apia left out 30 December 2011, all of it.
        .init(
            "0 9 * * *",
            "Pacific/Apia",
            after: "2011-12-29T20:00:00Z",
            "2011-12-31T00:00:00+14:00",
            "2011-12-31T09:00:00+14:00"
        ),
    ]

    @Test("the next times are those of the calendar and the zone", arguments: calendar + zones)
    func nextTimes(_ each: Case) throws {
        let expression = try CronExpression(each.expression)
        let zone = try ZoneRules(each.zone)
        let start = try Timestamp.parse(each.after, now: 0)
        var (time, found) = (start, [String]())
        for _ in each.next {
            time = try #require(expression.next(after: time, in: zone))
            found.append(zone.text(time))
        }
        #expect(found == each.next)
        for index in each.next.indices.dropFirst().reversed() {
            time = try #require(expression.previous(before: time, in: zone))
            #expect(zone.text(time) == each.next[index - 1])
        }
    }

    struct Fault: CustomTestStringConvertible {
        let expression: String
        let position: Int
        let words: String

        init(_ expression: String, _ position: Int, _ words: String) {
            self.expression = expression
            self.position = position
            self.words = words
        }

        var testDescription: String { expression }
    }

    static let faults: [Fault] = [
        .init("", 0, "it is empty"),
        .init("* * * *", 7, "it ends after 4 of 5 or 6 fields"),
        .init("0 0 12 * * ? 2030", 13, "years are not supported"),
        .init("60 * * * *", 0, "60 does not fit in the minutes; expected a minute from 0 to 59"),
        .init("0 25 * * *", 2, "an hour from 0 to 23"),
        .init("0 0 0 * *", 4, "a day from 1 to 31"),
        .init("0 0 1 13 *", 6, "a month from 1 to 12 or JAN to DEC"),
        .init("0 0 1 FEBRUARY *", 9, "does not fit in the months"),
        .init("0 0 1 FOO *", 6, "\"FOO\" does not fit in the months"),
        .init("0 0 * * 8", 8, "0 and 7 are Sunday"),
        .init("1,,2 * * * *", 2, "a value is missing in the minutes"),
        .init("1, * * * *", 2, "a value is missing in the minutes"),
        .init("1- * * * *", 2, "a value is missing in the minutes"),
        .init("*/0 * * * *", 2, "a step of 0 in the minutes goes nowhere"),
        .init("*/90 * * * *", 2, "a step of 90 in the minutes never comes to a second value"),
        .init("*/ * * * *", 2, "the step after / is missing"),
        .init("*5 * * * *", 1, "\"5\" does not fit in the minutes"),
        .init("0 0 20-10 * *", 7, "the range ends at 10, before it begins"),
        .init("? * * * *", 0, "? stands for a day that does not matter"),
        .init("L * * * *", 0, "L alone is for days of the month"),
        .init("0 0 * * L", 8, "such as FRIL"),
        .init("0 0 L-31 * *", 6, "a number from 1 to 30"),
        .init("0 0 15WW * *", 7, "\"W\" does not fit"),
        .init("0 0 5#2 * *", 5, "# is for days of the week"),
        .init("0 0 * * FRI#6", 12, "a number from 1 to 5"),
        .init("0 0 * * FRI#", 12, "a number from 1 to 5"),
        .init("0 0 30 2 *", 0, "it never fires"),
        .init("0 0 31 4,6,9,11 *", 0, "it never fires"),
        .init("  0 0 31W 2 *", 2, "it never fires"),
        .init("99999999999999999999 * * * *", 0, "this number is too large"),
        .init("@reboot", 0, "expected @hourly, @daily"),
        .init("@every", 6, "a duration is missing"),
        .init("@every 500ms", 7, "a whole number of seconds"),
        .init("@every  nonsense", 8, "\"nonsense\" is not a duration"),
        .init("0 0 ü * *", 4, "\"ü\" does not fit"),
    ]

    @Test("a bad expression is refused with the position of its fault and what was expected", arguments: faults)
    func fault(_ each: Fault) {
        let error = #expect(throws: CronError.self) { try CronExpression(each.expression) }
        #expect(error?.position == each.position, "\(error?.pointed ?? "")")
        #expect(error?.description.contains(each.words) == true, "\(error?.description ?? "")")
    }

    @Test("the caret stands below the fault")
    func caret() {
        let error = #expect(throws: CronError.self) { try CronExpression("0\t25 * * *") }
        #expect(error?.pointed.split(separator: "\n").prefix(2) == ["0?25 * * *", "  ^"])
    }

    @Test("a zone that there is not is refused")
    func zone() {
        #expect(throws: InputError.self) { try ZoneRules("Europe/Atlantis") }
    }
}
