/// Texts, each kept once under a number of two bytes: there may be a million letters, and few types among them.
struct NameTable: Sendable {
    /// The number of what the table has no more room for.
    static let noNumber = UInt16.max
    /// The longest text that is kept whole, in bytes.
    private static let longest = 1024

    private let most: Int
    private var numbers: [String: UInt16] = [:]
    private(set) var names: [String] = []

    /// - Parameter most: how many texts it keeps; below 65,535.
    init(most: Int) {
        self.most = min(most, Int(Self.noNumber))
    }

    mutating func number(of name: String) -> UInt16 {
        if let known = numbers[name] { return known }
        guard names.count < most else { return Self.noNumber }
        let number = UInt16(names.count)
        let kept = name.utf8.count > Self.longest ? SafeText.line(name, limit: Self.longest) : name
        // What is cut is looked up whole, and would be kept again each time.
        if let known = numbers[kept] { return known }
        numbers[kept] = number
        names.append(kept)
        return number
    }

    /// Nil for ``noNumber``.
    subscript(number: UInt16) -> String? {
        Int(number) < names.count ? names[Int(number)] : nil
    }
}
