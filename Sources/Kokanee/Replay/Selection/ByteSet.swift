internal import Glibc

/// A fixed set of texts that is asked for bytes, without making a text of them.
///
/// All are in one array, with a table of hashes: a million ids take little more than their bytes.
struct ByteSet: Sendable {
    private let bytes: [UInt8]
    /// Where each text ends, and the next begins.
    private let ends: [Int]
    /// Numbers of texts and 1, each at the place of its hash or behind it; 0 is free.
    private let table: [Int32]

    init(_ texts: some Collection<String>) {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        ends.reserveCapacity(texts.count)
        for text in texts {
            bytes.append(contentsOf: text.utf8)
            ends.append(bytes.count)
        }
        var size = 4
        while size < 2 * texts.count { size *= 2 }
        var table = [Int32](repeating: 0, count: size)
        bytes.withUnsafeBytes { bytes in
            for index in ends.indices {
                let range = (index == 0 ? 0 : ends[index - 1])..<ends[index]
                var place = Int(KeyHash.hash(UnsafeRawBufferPointer(rebasing: bytes[range])) & UInt64(size - 1))
                while table[place] != 0 { place = (place + 1) & (size - 1) }
                table[place] = Int32(index + 1)
            }
        }
        (self.bytes, self.ends, self.table) = (bytes, ends, table)
    }

    var count: Int { ends.count }

    /// The number of a text, in the order in which they were given; nil where it is none of them.
    func index(of text: UnsafeRawBufferPointer) -> Int? {
        var place = Int(KeyHash.hash(text) & UInt64(table.count - 1))
        while table[place] != 0 {
            let index = Int(table[place]) - 1
            let start = index == 0 ? 0 : ends[index - 1]
            if ends[index] - start == text.count, isEqual(text, at: start) { return index }
            place = (place + 1) & (table.count - 1)
        }
        return nil
    }

    func contains(_ text: UnsafeRawBufferPointer) -> Bool { index(of: text) != nil }

    func contains(_ text: String) -> Bool { index(of: text) != nil }

    func index(of text: String) -> Int? {
        var text = text
        return text.withUTF8 { index(of: UnsafeRawBufferPointer($0)) }
    }

    func text(_ index: Int) -> String {
        String(decoding: bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]], as: UTF8.self)
    }

    private func isEqual(_ text: UnsafeRawBufferPointer, at start: Int) -> Bool {
        guard let address = text.baseAddress, !text.isEmpty else { return text.isEmpty }
        return bytes.withUnsafeBytes { memcmp(address, $0.baseAddress! + start, text.count) == 0 }
    }
}
