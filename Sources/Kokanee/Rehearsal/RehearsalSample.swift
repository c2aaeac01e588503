/// Chooses a number of jobs among all that are selected.
///
/// Each place in the log has a rank, a hash of its partition and offset; the jobs of the lowest ranks are chosen. So the
/// sample is the same each time, has exactly the number that was asked for where there are as many, lies evenly over the
/// range, and a larger one of the same jobs holds the smaller one. It takes a pass over the range of its own.
struct RehearsalSample {
    private struct Place: Comparable {
        let rank: UInt64
        let partition: Int32
        let offset: Int64

        /// The highest rank is the heap's first.
        static func < (left: Self, right: Self) -> Bool { left.rank > right.rank }
    }

    private let limit: Int
    private var chosen = Heap<Place>()

    init(limit: Int) {
        self.limit = max(0, limit)
    }

    mutating func consider(_ partition: Int32, _ offset: Int64) {
        guard limit > 0 else { return }
        let place = Place(rank: Self.rank(partition, offset), partition: partition, offset: offset)
        if chosen.count < limit {
            chosen.insert(place)
        } else if let highest = chosen.first, place.rank < highest.rank {
            chosen.removeFirst()
            chosen.insert(place)
        }
    }

    /// The chosen offsets, by partition.
    consuming func offsets() -> [Int32: OffsetSet] {
        var offsets: [Int32: OffsetSet] = [:]
        while let place = chosen.first {
            offsets[place.partition, default: OffsetSet()].insert(place.offset)
            chosen.removeFirst()
        }
        return offsets
    }

    /// splitmix64's finaliser (Steele, Lea, Flood 2014), twice: neighbours have nothing in common. It is a bijection of the
    /// offset, so that no two of a partition tie.
    private static func rank(_ partition: Int32, _ offset: Int64) -> UInt64 {
        func mixed(_ value: UInt64) -> UInt64 {
            var value = value &+ 0x9E37_79B9_7F4A_7C15
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
        return mixed(mixed(UInt64(UInt32(bitPattern: partition))) ^ UInt64(bitPattern: offset))
    }
}
