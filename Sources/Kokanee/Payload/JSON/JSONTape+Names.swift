extension JSONTape {
    /// An object with more names gets an index, so that no lookup is slow, whatever a payload has.
    private static let maximumUnindexed = 64

    /// The value of the first member with a name; ``none`` where there is no such member.
    ///
    /// Types ask for their properties mostly in the order in which a payload has them: a lookup begins behind the last
    /// one's member.
    @inline(__always) func find(_ key: some CodingKey, in object: UInt32) -> UInt32 {
        var name = key.stringValue
        return name.withUTF8 { find($0, in: object) }
    }

    private func find(_ name: UnsafeBufferPointer<UInt8>, in object: UInt32) -> UInt32 {
        let kind = entry(object).kind
        guard kind == .plainObject, let start = name.baseAddress else { return findSlowly(name, in: object) }
        let fingerprint = Self.fingerprint(start, name.count)
        let first = object &+ 1
        let end = entry(object).extent
        guard first < end else { return Self.none }
        let begin = entry(first).mark
        var index = begin
        while index < end {
            if matches(index, name, fingerprint) { return found(index, first) }
            index = self.index(after: index &+ 1)
        }
        index = first
        while index < begin {
            if matches(index, name, fingerprint) { return found(index, first) }
            index = self.index(after: index &+ 1)
        }
        return Self.none
    }

    @inline(__always)
    private func matches(_ index: UInt32, _ name: UnsafeBufferPointer<UInt8>, _ fingerprint: UInt32) -> Bool {
        let entry = entry(index)
        return entry.link == fingerprint && Self.areEqual(bytes(of: entry), name)
    }

    @inline(__always) private func found(_ index: UInt32, _ first: UInt32) -> UInt32 {
        entries[Int(first)].mark = self.index(after: index &+ 1)
        return index &+ 1
    }

    /// Names are equal as strings are, which is more than equality of bytes where they are not ASCII.
    @inline(never) private func findSlowly(_ name: UnsafeBufferPointer<UInt8>, in object: UInt32) -> UInt32 {
        let name = String(decoding: name, as: UTF8.self)
        switch entry(object).kind {
        case .indexedObject: return indexes[object]?[name] ?? Self.none
        case .plainObject, .oddObject:
            // A plain object is here only for the empty name.
            var index = object &+ 1
            while index < entry(object).extent {
                if text(at: index) == name { return index &+ 1 }
                index = self.index(after: index &+ 1)
            }
            return Self.none
        default: return Self.none
        }
    }

    /// Looks at an object's names before the first lookup.
    ///
    /// - Throws: where one is no string.
    @inline(__always) func prepare(_ object: UInt32) throws {
        if entry(object).kind == .object { try prepareNames(object) }
    }

    @inline(never) private func prepareNames(_ object: UInt32) throws {
        let kind: Kind =
            entry(object).low > Self.maximumUnindexed
            ? try indexNames(object) : try hasPlainNames(object) ? .plainObject : .oddObject
        entries[Int(object)].head = UInt32(kind.rawValue) << 24 | entry(object).low
    }

    private func hasPlainNames(_ object: UInt32) throws -> Bool {
        var isPlain = true
        // A set of the fingerprints' lower 6 bits: names are compared only where two share them.
        var seen: UInt64 = 0
        let end = entry(object).extent
        var index = object &+ 1
        while index < end {
            let name = entry(index)
            if name.kind != .ascii {
                isPlain = false
                if text(at: index) == nil { throw wrongName(in: object) }
            }
            let bit = UInt64(1) &<< UInt64(name.link & 63)
            if seen & bit != 0, isPlain, hasName(of: name, object &+ 1..<index) { isPlain = false }
            seen |= bit
            index = self.index(after: index &+ 1)
        }
        return isPlain
    }

    private func hasName(of name: Entry, _ range: Range<UInt32>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if matches(index, bytes(of: name), name.link) { return true }
            index = self.index(after: index &+ 1)
        }
        return false
    }

    private func indexNames(_ object: UInt32) throws -> Kind {
        let count = Int(entry(object).low)
        var values: [String: UInt32] = [:]
        values.reserveCapacity(count)
        let end = entry(object).extent
        var index = object &+ 1
        while index < end {
            guard let name = text(at: index) else { throw wrongName(in: object) }
            if values[name] == nil { values[name] = index &+ 1 }
            index = self.index(after: index &+ 1)
        }
        indexes[object] = values
        return .indexedObject
    }

    private func wrongName(in object: UInt32) -> DecodingError {
        corrupted(at: object, "A name has a wrong escape, a control character, or is not UTF-8.")
    }

    /// The names, without repetitions, in the payload's order.
    func names(of object: UInt32) -> [String] {
        let entry = entry(object)
        var names: [String] = []
        names.reserveCapacity(Int(entry.low))
        var seen: Set<String> = []
        var index = object &+ 1
        while index < entry.extent {
            // Those that are no strings have been thrown over before.
            if let name = text(at: index), entry.kind == .plainObject || seen.insert(name).inserted {
                names.append(name)
            }
            index = self.index(after: index &+ 1)
        }
        return names
    }

    @inline(__always)
    private static func areEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }
}
