import Foundation
import TestSupport

/// Values at random, the same ones for the same seed.
struct PayloadGenerator {
    private var generator: SeededGenerator
    private static let characters = Array("aZ09 /\\\"\n\t\u{1}\u{7F}é\u{301}ß漢😀👩‍👧\u{2028}\u{FFFD}")

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    mutating func bool() -> Bool { below(2) == 0 }

    mutating func string() -> String {
        // Mostly plain, and around the lengths at which strings move to the heap and readers take eight bytes at once.
        let isPlain = below(3) > 0
        return String(
            (0..<below(20)).map { _ in isPlain ? Character("a") : Self.characters[below(Self.characters.count)] }
        )
    }

    /// Of any size.
    mutating func integer<Value: FixedWidthInteger>() -> Value {
        Value.random(in: .min ... .max, using: &generator) >> Value(below(Value.bitWidth))
    }

    mutating func double() -> Double {
        let double = bool() ? Double(below(1_000_000)) / 100 : Double(bitPattern: generator.next())
        return double.isFinite ? double : 0.1
    }

    mutating func list<Element>(_ element: (inout Self) -> Element) -> [Element] {
        (0..<below(4)).map { _ in element(&self) }
    }

    mutating func purchase() -> Purchase {
        Purchase(
            id: integer(),
            note: bool() ? string() : nil,
            lines: list { .init(sku: $0.string(), quantity: $0.integer()) },
            payment: payment(depth: 0),
            tags: Set(list { $0.string() }),
            prices: Dictionary(list { ($0.string(), $0.double()) }) { $1 },
            stock: Dictionary(list { ($0.integer(), $0.integer()) }) { $1 },
            isUrgent: bool(),
            matrix: list { $0.list { $0.bool() ? nil : Float($0.below(1000)) / 8 } }
        )
    }

    private mutating func payment(depth: Int) -> Purchase.Payment {
        switch below(depth < 3 ? 3 : 2) {
        case 0: .cash
        case 1: .card(number: string(), year: integer())
        default: .split(list { $0.payment(depth: depth + 1) })
        }
    }

    mutating func special() -> Special {
        let lower = below(100)
        return Special(
            date: Date(timeIntervalSinceReferenceDate: double()),
            data: Data(list { $0.integer() }),
            url: url(),
            decimal: Decimal(below(1_000_000)) / 1000,
            id: UUID(uuidString: "00000000-0000-4000-8000-\(100_000_000_000 + below(1000))") ?? UUID(),
            dates: list { $0.bool() ? nil : Date(timeIntervalSinceReferenceDate: Double($0.below(1000))) },
            urls: Dictionary(list { ($0.string(), $0.url()) }) { $1 },
            blobs: list { Data($0.list { $0.integer() }) },
            range: lower..<lower + below(100)
        )
    }

    private mutating func url() -> URL { URL(filePath: "/a/\(below(100))/é b") }

    mutating func numbers() -> Numbers {
        Numbers(
            a: integer(),
            b: integer(),
            c: integer(),
            d: integer(),
            e: integer(),
            f: integer(),
            g: integer(),
            h: integer(),
            i: integer(),
            j: integer(),
            k: integer(),
            l: Float(below(10_000)) / 7,
            m: double(),
            n: bool() ? nil : integer(),
            o: list { $0.integer() },
            p: list { $0.integer() },
            q: list { $0.double() },
            r: list { Float($0.below(10_000)) / 3 }
        )
    }

    mutating func byHand() -> ByHand {
        ByHand(
            x: integer(),
            y: string(),
            list: list { $0.bool() ? nil : $0.integer() },
            pair: list { $0.list { $0.string() } },
            single: double()
        )
    }
}
