internal import TestSupport

/// Changes inputs at random, after libFuzzer's mutations: the same ones for the same seed.
struct Mutator {
    private var generator: SeededGenerator
    /// Where decoders have their edges.
    private static let bytes: [UInt8] = [
        0, 0x0A, 0x1E, 0x1F, 0x20, 0x22, 0x2D, 0x39, 0x5C, 0x7F, 0x80, 0xC3, 0xED, 0xFF,
    ]

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// One of the inputs with one to four changes.
    mutating func mutate(_ inputs: [[UInt8]]) -> [UInt8] {
        var input = inputs[below(inputs.count)]
        for _ in 0...below(4) { change(&input, inputs) }
        return input
    }

    private mutating func change(_ input: inout [UInt8], _ inputs: [[UInt8]]) {
        let place = below(input.count + 1)
        let end = min(input.count, place + below(16))
        switch below(7) {
        case 0: input.insert(Self.bytes[below(Self.bytes.count)], at: place)
        case 1: input.removeSubrange(place..<end)
        case 2: input.insert(contentsOf: input[place..<end], at: place)
        case 3: input.removeSubrange(place...)
        case 4:
            let other = inputs[below(inputs.count)]
            input.insert(contentsOf: other.suffix(below(other.count + 1)), at: place)
        case 5 where place < input.count: input[place] ^= 1 << UInt8(below(8))
        default: if place < input.count { input[place] = Self.bytes[below(Self.bytes.count)] }
        }
    }

    private mutating func below(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &generator)
    }
}
