/// Hashes of ordering keys, by which lanes are told apart.
///
/// Each round folds the 128-bit product of two words, as Wang Yi's wyhash does. It is seeded anew in each process, so that
/// who writes keys can't choose ones that meet; if two do, they share a lane.
enum KeyHash {
    private static let seeds = (UInt64.random(in: 0...UInt64.max) | 1, UInt64.random(in: 0...UInt64.max) | 1)

    /// Other seeds, for a second word about the same bytes.
    static let furtherSeeds = (UInt64.random(in: 0...UInt64.max) | 1, UInt64.random(in: 0...UInt64.max) | 1)

    static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        hash(key, seeds)
    }

    @inline(__always)
    static func hash(_ key: UnsafeRawBufferPointer, _ seeds: (UInt64, UInt64)) -> UInt64 {
        let (first, second) = seeds
        var state = first ^ UInt64(key.count) &* 0x9E37_79B9_7F4A_7C15
        var position = 0
        while position + 8 <= key.count {
            state = mix(state ^ key.loadUnaligned(fromByteOffset: position, as: UInt64.self), second)
            position += 8
        }
        var last: UInt64 = 0
        var shift: UInt64 = 0
        while position < key.count {
            last |= UInt64(key[position]) << shift
            shift += 8
            position += 1
        }
        return mix(mix(state ^ last, second), first ^ 0x9E37_79B9_7F4A_7C15)
    }

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
