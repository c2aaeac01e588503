internal import RdKafka

/// Stands for a key of the state topic in this process's memory: 16 bytes, whatever the key's length.
///
/// Two keys share one by chance only, which at a billion keys is a chance of one in 10^20; who writes keys can't choose ones
/// that do, because the hashes are seeded anew in each process.
struct KeyDigest: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    init(_ key: UnsafeRawBufferPointer) {
        high = KeyHash.hash(key)
        low = KeyHash.hash(key, KeyHash.furtherSeeds)
    }

    init(_ key: Bytes) {
        self = key.withUnsafeBytes { KeyDigest($0) }
    }

    // It is a hash already.
    func hash(into hasher: inout Hasher) {
        hasher.combine(low)
    }
}
