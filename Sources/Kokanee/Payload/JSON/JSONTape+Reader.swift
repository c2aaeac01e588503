extension JSONTape {
    /// Reads a text into entries, in one pass and without recursion: an entry's link is the stack.
    ///
    /// It takes what Foundation's decoder takes, which allows a comma behind the last element, but for other encodings
    /// and for greater depth.
    struct Reader {
        let text: UnsafePointer<UInt8>
        private let end: Int
        private var position = 0

        private(set) var entries: UnsafeMutablePointer<Entry>
        private var capacity: Int
        private var next = 0
        private var parent = JSONTape.none
        private var depth = 0
        private(set) var isTooDeep = false

        init(_ bytes: UnsafeRawBufferPointer) {
            // Without a byte nothing is read through the pointer.
            text = bytes.assumingMemoryBound(to: UInt8.self).baseAddress ?? UnsafePointer(bitPattern: 1)!
            end = bytes.count
            // A byte order mark says nothing about UTF-8, but some write it.
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
            // Job payloads have a value or a name in some 7 bytes; the memory grows where there are more.
            capacity = end / 6 + 16
            entries = Self.allocate(capacity)
        }

        /// False where the text is not JSON.
        ///
        /// All that this calls is put into it, or is static, so that the reader's own state stays in registers.
        @inline(__always) mutating func read() -> Bool {
            guard end <= JSONTape.maximumByteCount else { return false }
            value: while true {
                guard let byte = nextToken() else { return false }
                if next &+ 2 > capacity { (entries, capacity) = Self.grow(entries, next, capacity) }
                switch byte {
                case UInt8(ascii: "\""):
                    position &+= 1
                    guard readString(link: parent) else { return false }
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    isTooDeep = depth == JSONTape.maximumDepth
                    guard !isTooDeep else { return false }
                    let isObject = byte == UInt8(ascii: "{")
                    position &+= 1
                    guard let first = nextToken() else { return false }
                    append(isObject ? .object : .array, low: 0, extent: UInt32(truncatingIfNeeded: next &+ 1), parent)
                    // The closing bracket's code is the opening one's and 2.
                    if first == byte &+ 2 {
                        position &+= 1
                    } else {
                        parent = UInt32(truncatingIfNeeded: next &- 1)
                        depth &+= 1
                        if isObject { guard readName(first) else { return false } }
                        continue value
                    }
                case UInt8(ascii: "t"): guard readLiteral("true", .true) else { return false }
                case UInt8(ascii: "f"): guard readLiteral("false", .false) else { return false }
                case UInt8(ascii: "n"): guard readLiteral("null", .null) else { return false }
                case UInt8(ascii: "-"), 0x30...0x39: readNumber()
                default: return false
                }
                while parent != JSONTape.none {
                    let container = entries + Int(parent)
                    container.pointee.head &+= 1
                    let isObject = container.pointee.kind.isObject
                    let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
                    guard var byte = nextToken() else { return false }
                    if byte == UInt8(ascii: ",") {
                        position &+= 1
                        guard let following = nextToken() else { return false }
                        byte = following
                        if byte != close {
                            if isObject {
                                if next &+ 2 > capacity { (entries, capacity) = Self.grow(entries, next, capacity) }
                                guard readName(byte) else { return false }
                            }
                            continue value
                        }
                    }
                    guard byte == close else { return false }
                    position &+= 1
                    container.pointee.extent = UInt32(truncatingIfNeeded: next)
                    parent = container.pointee.link
                    depth &-= 1
                }
                return nextToken() == nil
            }
        }

        /// The first byte that is no white space, which `position` is at then; nil at the end.
        @inline(__always) private mutating func nextToken() -> UInt8? {
            while position < end {
                let byte = text[position]
                if byte > 0x20 { return byte }
                guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
                position &+= 1
            }
            return nil
        }

        @inline(__always)
        private mutating func append(_ kind: Kind, low: Int, extent: UInt32, _ link: UInt32) {
            let head = UInt32(kind.rawValue) << 24 | UInt32(truncatingIfNeeded: low)
            entries[next] = Entry(head: head, extent: extent, link: link, mark: UInt32(truncatingIfNeeded: next))
            next &+= 1
        }

        /// A member's name and its colon.
        @inline(__always) private mutating func readName(_ first: UInt8) -> Bool {
            guard first == UInt8(ascii: "\"") else { return false }
            position &+= 1
            guard readString(link: 0) else { return false }
            let name = entries + (next &- 1)
            name.pointee.link = JSONTape.fingerprint(text + Int(name.pointee.low), Int(name.pointee.extent))
            guard nextToken() == UInt8(ascii: ":") else { return false }
            position &+= 1
            return true
        }

        /// A string whose opening quote has been read.
        @inline(__always) private mutating func readString(link: UInt32) -> Bool {
            let start = position
            var high: UInt64 = 0
            while position &+ 8 <= end {
                let bytes = UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self).littleEndian
                let special = Self.special(bytes)
                if special == 0 {
                    high |= bytes
                    position &+= 8
                    continue
                }
                let bits = UInt64(truncatingIfNeeded: special.trailingZeroBitCount & ~7)
                high |= bytes & ((1 &<< bits) &- 1)
                position &+= Int(truncatingIfNeeded: bits &>> 3)
                if text[position] == UInt8(ascii: "\"") {
                    return endString(start, high & 0x8080_8080_8080_8080 == 0 ? .ascii : .unescaped, link)
                }
                return readEscapedString(start, link)
            }
            while position < end {
                let byte = text[position]
                if byte == UInt8(ascii: "\"") {
                    return endString(start, high & 0x8080_8080_8080_8080 == 0 ? .ascii : .unescaped, link)
                }
                guard byte != UInt8(ascii: "\\"), byte >= 0x20 else { return readEscapedString(start, link) }
                high |= UInt64(byte)
                position &+= 1
            }
            return false
        }

        /// The highest bit of the first byte that is a quote, a backslash or a control character, and perhaps of bytes
        /// behind it; the subtractions borrow from the next byte only where they have found one.
        @inline(__always) private static func special(_ bytes: UInt64) -> UInt64 {
            let ones: UInt64 = 0x0101_0101_0101_0101
            let quotes = bytes ^ (ones &* 0x22)
            let backslashes = bytes ^ (ones &* 0x5C)
            let found =
                (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (bytes &- ones &* 0x20) & ~bytes
            return found & 0x8080_8080_8080_8080
        }

        @inline(__always) private mutating func endString(_ start: Int, _ kind: Kind, _ link: UInt32) -> Bool {
            append(kind, low: start, extent: UInt32(truncatingIfNeeded: position &- start), link)
            position &+= 1
            return true
        }

        @inline(__always) private mutating func readEscapedString(_ start: Int, _ link: UInt32) -> Bool {
            position = Self.endOfString(text, position, end)
            return position < end && endString(start, .escaped, link)
        }

        /// The closing quote's place, or `end` where there is none: from a string's first escape or control character on.
        ///
        /// Only what decides where the string ends is checked.
        @inline(never)
        private static func endOfString(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
            var position = start
            while position < end {
                switch text[position] {
                case UInt8(ascii: "\""): return position
                // Text in another encoding: Foundation is asked about that.
                case 0: return end
                case UInt8(ascii: "\\"):
                    guard position &+ 1 < end else { return end }
                    if text[position &+ 1] == UInt8(ascii: "u") {
                        guard position &+ 6 <= end else { return end }
                        for digit in 2..<6 where text[position &+ digit] == UInt8(ascii: "\"") { return end }
                        position &+= 6
                    } else {
                        position &+= 2
                    }
                default: position &+= 1
                }
            }
            return end
        }

        /// What may be a number's; whether it is one is asked when it is read.
        @inline(__always) private mutating func readNumber() {
            let start = position
            position &+= 1
            while position < end {
                let byte = text[position]
                guard
                    byte &- 0x30 < 10 || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                else { break }
                position &+= 1
            }
            append(.number, low: start, extent: UInt32(truncatingIfNeeded: position &- start), parent)
        }

        @inline(__always) private mutating func readLiteral(_ literal: StaticString, _ kind: Kind) -> Bool {
            let count = literal.utf8CodeUnitCount
            guard position &+ count <= end else { return false }
            for index in 0..<count where text[position &+ index] != literal.utf8Start[index] { return false }
            append(kind, low: position, extent: UInt32(truncatingIfNeeded: count), parent)
            position &+= count
            return true
        }

        // MARK: Memory

        /// One entry more, in front, has the text's address.
        private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Entry> {
            UnsafeMutablePointer<Entry>.allocate(capacity: capacity + 1) + 1
        }

        @inline(never)
        private static func grow(
            _ entries: UnsafeMutablePointer<Entry>,
            _ count: Int,
            _ capacity: Int
        ) -> (UnsafeMutablePointer<Entry>, Int) {
            let larger = allocate(2 * capacity)
            larger.update(from: entries, count: count)
            free(entries)
            return (larger, 2 * capacity)
        }

        func free() { Self.free(entries) }

        static func free(_ entries: UnsafeMutablePointer<Entry>) { (entries - 1).deallocate() }
    }

    /// A mix of a name's length and its first and last four bytes; most names differ in it.
    @inline(__always) static func fingerprint(_ name: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
        var first: UInt32 = 0
        var last: UInt32 = 0
        if count >= 4 {
            first = UnsafeRawPointer(name).loadUnaligned(as: UInt32.self)
            last = UnsafeRawPointer(name + (count &- 4)).loadUnaligned(as: UInt32.self)
        } else if count > 0 {
            first = UInt32(name[0]) | UInt32(name[count >> 1]) << 8 | UInt32(name[count &- 1]) << 16
        }
        let mixed = (first &* 0x9E37_79B1) ^ (last &* 0x85EB_CA77)
        return mixed ^ mixed >> 15 ^ UInt32(truncatingIfNeeded: count)
    }
}
