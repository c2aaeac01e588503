import Testing

@testable import Kokanee

@Suite("Rates")
struct RateTests {
    private static let readings: [(text: String, perSecond: Double, written: String)] = [
        ("50/s", 50, "50/s"), ("50", 50, "50/s"), ("10/m", 0.166_666_666_666_667, "10/m"),
        ("3000/h", 0.833_333_333_333_333, "50/m"), ("0.5/s", 0.5, "30/m"), ("2.5/s", 2.5, "150/m"),
        ("86400/d", 1, "1/s"), ("1/d", 1.157_407_407_407e-5, "1/d"), ("1000000000/s", 1e9, "1000000000/s"),
        ("7/h", 0.001_944_444_444_444, "7/h"), ("1.25/d", 1.446_759_259_259e-5, "1.25/d"),
    ]

    @Test("a rate is read as it is written, and written as it is read", arguments: readings)
    func reading(text: String, perSecond: Double, written: String) throws {
        let rate = try Rate(text: text)
        #expect(abs(rate.perSecond - perSecond) < 1e-9 * perSecond)
        #expect(rate.text == written)
        #expect(abs(try Rate(text: rate.text).perSecond - rate.perSecond) < 1e-6 * rate.perSecond)
    }

    @Test(
        "what is no rate is refused, with what is accepted",
        arguments: [
            "", "/s", "s", "0", "0/s", "-1/s", "1e3/s", "1/", "1/w", "1/s/s", "1 /s", "+5", "nan", "inf/s", "0.5/d",
            "1000000001/s", "1.", ".5", "1.0000000001/s", "9999999999999999999/s", "٣/s", "50/S",
        ]
    )
    func refusing(text: String) {
        let error = #expect(throws: InputError.self) { try Rate(text: text) }
        #expect(error?.message.contains("Accepted are 50/s, 10/m, 3000/h") == true)
    }

    @Test("so many take their time")
    func duration() throws {
        #expect(try Rate(text: "50/s").duration(of: 100) == .seconds(2))
        #expect(try Rate(text: "10/m").duration(of: 1) == .seconds(6))
        #expect(try Rate(text: "1/d").duration(of: .max).milliseconds == 1_000_000_000_000_000_000)
    }
}
