internal import Glibc
internal import RdKafka

/// Marks of one chunk of ``OffsetSet``, as one worker's run has made them, and as the state topic keeps them.
///
/// The key is `outcome/KIND/CHUNK/SERIES`. A series is written by one worker in one run, and only grows, so that no worker
/// overwrites another's marks, and nobody has to read back what is there before he writes. The value is a version, the
/// form of the bits, the build and the replay, each behind its length, and the bits: a bitmap without the zeros at its end,
/// or, where that is shorter, runs as in ``CompletionMap``.
struct OutcomeRecord: Equatable, Sendable {
    enum Kind: Int, CaseIterable, Sendable {
        case completed
        case failed

        var name: StaticString {
            switch self {
            case .completed: "completed"
            case .failed: "failed"
            }
        }
    }

    /// The most bytes of a build's name.
    static let longestBuild = 200
    private static let prefix: StaticString = "outcome/"
    private static let version: UInt8 = 1
    /// No value is longer.
    private static let longestValue = 4 + longestBuild + 32 + OffsetSet.wordsInChunk * 8
    private static let longestSeries = 64

    private enum Form: UInt8 {
        case bitmap
        case runs
    }

    var kind: Kind
    /// The chunk's number.
    var chunk: Int64
    var series: String
    /// "" where the worker did not say.
    var build: String
    /// Nil is live work.
    var replay: String?
    /// The chunk's bits.
    var words: [UInt64]

    /// Whether a text can name a build.
    static func isBuild(_ text: String) -> Bool {
        text.utf8.count <= longestBuild && SafeText.line(text, limit: longestBuild) == text
    }

    // MARK: - Writing

    var key: Bytes { Bytes("\(Self.prefix)\(kind.name)/\(chunk)/\(series)") }

    var value: Bytes {
        let replay = replay ?? ""
        var bytes: [UInt8] = []
        let bitmap = Self.bitmap(words)
        let runs = Self.runs(words, shorterThan: bitmap.count)
        bytes.reserveCapacity(4 + build.utf8.count + replay.utf8.count + (runs ?? bitmap).count)
        bytes.append(Self.version)
        bytes.append((runs == nil ? Form.bitmap : .runs).rawValue)
        for text in [build, replay] {
            bytes.append(UInt8(text.utf8.count))
            bytes += text.utf8
        }
        return Bytes(bytes + (runs ?? bitmap))
    }

    private static func bitmap(_ words: [UInt64]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 8)
        for word in words {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        bytes.removeLast(bytes.count - (bytes.lastIndex { $0 != 0 } ?? -1) - 1)
        return bytes
    }

    /// Nil where they would not be shorter.
    private static func runs(_ words: [UInt64], shorterThan limit: Int) -> [UInt8]? {
        var starts = 0
        var carry: UInt64 = 0
        for word in words {
            starts += (word & ~(word << 1 | carry)).nonzeroBitCount
            carry = word >> 63
        }
        guard starts * 2 < limit else { return nil }
        var map = CompletionMap()
        for (index, word) in words.enumerated() {
            var rest = word
            var position = Int64(index) * 64
            while rest != 0 {
                let gap = rest.trailingZeroBitCount
                let length = (~(rest >> UInt64(gap))).trailingZeroBitCount
                position += Int64(gap)
                map.append(position..<position + Int64(length))
                position += Int64(length)
                rest = gap + length >= 64 ? 0 : rest >> UInt64(gap + length)
            }
        }
        let bytes = map.encoded(above: 0, limit: .max)
        return bytes.count < limit ? bytes : nil
    }

    // MARK: - Reading

    /// What a key says; nil where it is that of a record of another kind.
    static func parse(key: Bytes?) -> (kind: Kind, chunk: Int64)? {
        key?.withUnsafeBytes { parse($0) }
    }

    private static func parse(_ key: UnsafeRawBufferPointer) -> (kind: Kind, chunk: Int64)? {
        let length = prefix.utf8CodeUnitCount
        guard key.count > length, let start = key.baseAddress, memcmp(start, prefix.utf8Start, length) == 0 else {
            return nil
        }
        let parts = key[length...].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 3, (1...longestSeries).contains(parts[2].count),
            let kind = Kind.allCases.first(where: { kind in
                parts[0].elementsEqual(
                    UnsafeBufferPointer(start: kind.name.utf8Start, count: kind.name.utf8CodeUnitCount)
                )
            }),
            let first = parts[1].first, first != UInt8(ascii: "-"), parts[1].count == 1 || first != UInt8(ascii: "0"),
            let chunk = DecimalText.parse(UnsafeRawBufferPointer(rebasing: parts[1])),
            (0...(Int64.max / OffsetSet.chunkLength - 1)).contains(chunk)
        else { return nil }
        return (kind, chunk)
    }

    /// What a value says; nil for bytes that no value of ours has.
    static func parse(value: Bytes) -> (build: String, replay: String?, words: [UInt64])? {
        guard value.count <= longestValue else { return nil }
        var rest = value.array[...]
        guard rest.popFirst() == version, let form = rest.popFirst().flatMap(Form.init),
            let build = text(from: &rest), isBuild(build), let replay = text(from: &rest),
            replay.isEmpty || ReplayID.isValid(replay), !rest.isEmpty
        else { return nil }
        let words =
            switch form {
            case .bitmap: words(bitmap: rest)
            case .runs: words(runs: rest)
            }
        return words.map { (build, replay.isEmpty ? nil : replay, $0) }
    }

    private static func text(from bytes: inout ArraySlice<UInt8>) -> String? {
        guard let count = bytes.popFirst(), bytes.count >= count else { return nil }
        defer { bytes.removeFirst(Int(count)) }
        return String(validating: bytes.prefix(Int(count)), as: UTF8.self)
    }

    private static func words(bitmap bytes: ArraySlice<UInt8>) -> [UInt64]? {
        guard bytes.count <= OffsetSet.wordsInChunk * 8 else { return nil }
        var words = [UInt64](repeating: 0, count: OffsetSet.wordsInChunk)
        for (index, byte) in bytes.enumerated() { words[index >> 3] |= UInt64(byte) << UInt64((index & 7) * 8) }
        return words
    }

    private static func words(runs bytes: ArraySlice<UInt8>) -> [UInt64]? {
        guard let map = CompletionMap(decoding: Array(bytes), above: 0), let last = map.runs.last,
            last.upperBound <= OffsetSet.chunkLength
        else { return nil }
        var words = [UInt64](repeating: 0, count: OffsetSet.wordsInChunk)
        for run in map.runs {
            var position = run.lowerBound
            while position < run.upperBound {
                let length = min(64 - position & 63, run.upperBound - position)
                words[Int(position >> 6)] |= (UInt64.max >> UInt64(64 - length)) << UInt64(position & 63)
                position += length
            }
        }
        return words
    }
}
