/// A JSON text read once: where each value stands, in the text's order, so that a decoder finds its way without
/// reading anything twice.
///
/// The structure is checked as a whole. What stands inside a string or a number is looked at when it is asked for, as
/// Foundation's decoder does: what nobody asks for can't spoil a payload.
///
/// The entries and the text are raw memory, for every job pays for each look at them. What keeps that safe: an index
/// comes from the reader, or from an entry that it wrote; it stays below the number of entries, which never changes
/// once the text is read; and an entry's text lies within the text, which lives as long as the tape (``keepText()``).
final class JSONTape {
    /// One value, or one member's name, whose value is the next entry.
    struct Entry {
        /// The kind in the upper 8 bits; below them where a scalar's text begins, or how many values a container has.
        var head: UInt32
        /// The length of a scalar's text, or the index past a container's last entry.
        var extent: UInt32
        /// A value's container; a name's fingerprint.
        var link: UInt32
        /// An element's place in its array, once it is known; in an object's first name, where the next lookup begins.
        var mark: UInt32

        var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: head >> 24)) }
        var low: UInt32 { head & 0xFF_FFFF }
    }

    /// Numbers and not an enum's cases: they are made from an entry's bits without a check.
    struct Kind: Equatable {
        let rawValue: UInt8

        static let null = Kind(rawValue: 0)
        static let `false` = Kind(rawValue: 1)
        static let `true` = Kind(rawValue: 2)
        static let number = Kind(rawValue: 3)
        /// ASCII without escapes.
        static let ascii = Kind(rawValue: 4)
        /// Without escapes, but not all ASCII.
        static let unescaped = Kind(rawValue: 5)
        /// With escapes, or with what is not allowed in a string.
        static let escaped = Kind(rawValue: 6)
        static let array = Kind(rawValue: 7)
        /// An object that nothing has been asked of yet.
        static let object = Kind(rawValue: 8)
        /// No name twice, all names ASCII without escapes, and few of them.
        static let plainObject = Kind(rawValue: 9)
        /// Few names, but some twice, or not plain.
        static let oddObject = Kind(rawValue: 10)
        /// Many names, which ``JSONTape/indexes`` has.
        static let indexedObject = Kind(rawValue: 11)

        var isString: Bool { rawValue &- 4 < 3 }
        var isContainer: Bool { rawValue >= 7 }
        var isObject: Bool { rawValue >= 8 }
    }

    /// Past all entries: nothing.
    static let none = UInt32.max
    /// Above this, offsets don't fit an entry's head.
    static let maximumByteCount = 1 << 24
    /// Types that may be as deep as a text take a thread's whole stack at Foundation's 512 levels.
    static let maximumDepth = 128

    let entries: UnsafeMutablePointer<Entry>
    /// What leads to the text's outermost value, where it is not the payload's.
    let basePath: [any CodingKey]
    /// The names of large objects, by the object's entry, with the entries of their values.
    var indexes: [UInt32: [String: UInt32]] = [:]
    /// The names that paths have needed, by their entries.
    var pathNames: [UInt32: String] = [:]
    private var isTextKept = false
    private let count: Int

    /// Nil where the text is not JSON in UTF-8, or more than a tape holds.
    ///
    /// - Parameter text: lives as long as the tape, or until ``keepText()``.
    /// - Throws: where the text is too deep.
    init?(_ text: UnsafeRawBufferPointer, basePath: [any CodingKey] = []) throws {
        var reader = Reader(text)
        guard reader.read() else {
            reader.free()
            if reader.isTooDeep { throw Self.tooDeep }
            return nil
        }
        entries = reader.entries
        count = text.count
        self.basePath = basePath
        self.text = UnsafePointer(reader.text)
    }

    deinit {
        if isTextKept { text.deallocate() }
        Reader.free(entries)
    }

    /// Stands in front of the first entry, not in a property: nothing needs to watch over its accesses there.
    private(set) var text: UnsafePointer<UInt8> {
        get { UnsafeRawPointer(entries - 1).load(as: UnsafePointer<UInt8>.self) }
        set { UnsafeMutableRawPointer(entries - 1).storeBytes(of: newValue, as: UnsafePointer<UInt8>.self) }
    }

    static var tooDeep: DecodingError {
        let reason = "Arrays and objects are nested deeper than \(maximumDepth) levels."
        return .dataCorrupted(.init(codingPath: [], debugDescription: reason))
    }

    /// For a tape that outlives the text, because somebody kept a decoder or a container: takes a copy of it.
    func keepText() {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(count, 1))
        copy.update(from: text, count: count)
        text = UnsafePointer(copy)
        isTextKept = true
    }

    /// The text of a scalar, or of a name.
    @inline(__always) func bytes(of entry: Entry) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: text + Int(entry.low), count: Int(entry.extent))
    }

    @inline(__always) func entry(_ index: UInt32) -> Entry { entries[Int(index)] }

    /// The entry behind a value and all that is in it.
    @inline(__always) func index(after value: UInt32) -> UInt32 {
        let entry = entry(value)
        return entry.kind.isContainer ? entry.extent : value &+ 1
    }
}
