internal import Glibc

/// A registry's types, found by the bytes that a record names them with: every job asks. The registry has to live as long.
///
/// `@unchecked Sendable`: nothing in it changes, and what it refers to is Sendable.
struct HandlerTable: @unchecked Sendable {
    private struct Slot {
        var hash: UInt64
        var name: [UInt8]
        var entry: Unmanaged<JobRegistry.Entry>

        func isNamed(_ text: UnsafeRawBufferPointer) -> Bool {
            guard name.count == text.count, let start = text.baseAddress else { return false }
            return name.withUnsafeBytes { memcmp($0.baseAddress!, start, text.count) == 0 }
        }
    }

    /// By hash, with linear probing; at least half of it is empty.
    private let slots: [Slot?]
    private let catchAll: Unmanaged<JobRegistry.Entry>?

    init(_ jobs: JobRegistry) {
        var capacity = 4
        while capacity < jobs.entries.count * 2 { capacity *= 2 }
        var slots = [Slot?](repeating: nil, count: capacity)
        for (name, entry) in jobs.entries {
            let name = Array(name.utf8)
            let hash = name.withUnsafeBytes(Self.hash)
            var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while slots[index] != nil { index = (index + 1) & (capacity - 1) }
            slots[index] = Slot(hash: hash, name: name, entry: .passUnretained(entry))
        }
        self.slots = slots
        catchAll = jobs.catchAll.map { .passUnretained($0) }
    }

    /// What runs a type; nil where nothing does.
    subscript(name: UnsafeRawBufferPointer) -> Unmanaged<JobRegistry.Entry>? {
        let hash = Self.hash(name)
        var index = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[index] != nil {
            if slots[index]?.hash == hash, slots[index]?.isNamed(name) == true { return slots[index]?.entry }
            index = (index + 1) & (slots.count - 1)
        }
        return catchAll
    }

    func entry(named name: String) -> Unmanaged<JobRegistry.Entry>? {
        var name = name
        return name.withUTF8 { self[UnsafeRawBufferPointer($0)] }
    }

    /// FNV-1a. The table never changes: what a record names can't fill it.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
