import TestSupport

/// The only source of chance in a history.
final class Dice {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    func bits() -> UInt64 { generator.next() }

    /// From 0 up to, and without, `bound`.
    func number(below bound: Int) -> Int { Int(truncatingIfNeeded: generator.next() % UInt64(bound)) }

    func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + number(below: range.upperBound - range.lowerBound + 1)
    }

    func time(in range: ClosedRange<Int64>) -> Int64 {
        Int64(number(in: Int(range.lowerBound)...Int(range.upperBound)))
    }

    func chance(_ percent: Int) -> Bool { percent > 0 && number(below: 100) < percent }

    func chance(perMille: Int) -> Bool { perMille > 0 && number(below: 1000) < perMille }

    func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[number(below: elements.count)]
    }

    func shuffle<Element>(_ elements: [Element]) -> [Element] {
        var result = elements
        for index in stride(from: result.count - 1, to: 0, by: -1) { result.swapAt(index, number(below: index + 1)) }
        return result
    }
}
