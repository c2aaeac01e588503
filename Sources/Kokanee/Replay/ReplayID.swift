/// Names of replays: `20261125-214400-k3f9`, the time in UTC and some letters at random. They sort by time, and are fit
/// for topics, groups and shells.
public enum ReplayID {
    private static let alphabet = Array("abcdefghjkmnpqrstuvwxyz23456789".utf8)

    /// - Parameter now: milliseconds since the epoch.
    public static func make(at now: Int64) -> String {
        var generator = SystemRandomNumberGenerator()
        return make(at: now, using: &generator)
    }

    static func make(at now: Int64, using generator: inout some RandomNumberGenerator) -> String {
        // 2026-11-25T21:44:00.123Z
        let time = Timestamp.text(now).utf8.filter { (0x30...0x39).contains($0) }
        let suffix = (0..<4).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        let dash = UInt8(ascii: "-")
        return String(decoding: time.prefix(8) + [dash] + time[8..<14] + [dash] + suffix, as: UTF8.self)
    }

    /// Whether a text has the form of an id.
    public static func isValid(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [8, 6, 4] else { return false }
        let digits = parts[0].utf8.allSatisfy(isDigit) && parts[1].utf8.allSatisfy(isDigit)
        return digits && parts[2].utf8.allSatisfy { isDigit($0) || (0x61...0x7A).contains($0) }
    }

    /// The time in an id, in milliseconds since the epoch; nil for a text that is none.
    static func time(of id: String) -> Int64? {
        guard isValid(id) else { return nil }
        let bytes = Array(id.utf8)
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        let date = "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))"
        return try? Timestamp.parse("\(date)T\(part(9..<11)):\(part(11..<13)):\(part(13..<15))Z", now: 0)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
