/// Partitions and their offsets as a command line has them: `0=12,1-3=none,4=40`.
public enum PartitionRanges {
    /// Reads offsets for ``OffsetReset/Target/exactly(_:)``: `PARTITION=OFFSET` or `FROM-TO=OFFSET`, separated by
    /// commas; `none` is no offset.
    ///
    /// - Throws: ``InputError``.
    public static func parse(_ text: String) throws -> [Int32: Int64?] {
        var offsets: [Int32: Int64?] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, let range = range(sides[0]), let offset = offset(sides[1]) else {
                throw InputError(
                    "\(SafeText.quoted(part)) is not PARTITION=OFFSET, such as 0=12, 1-3=40 or 4=none"
                )
            }
            for partition in range {
                guard offsets.updateValue(offset, forKey: partition) == nil else {
                    throw InputError("partition \(partition) has two offsets")
                }
            }
        }
        return offsets
    }

    /// The text that ``parse(_:)`` reads, neighbours of one offset in one range.
    public static func text(_ offsets: [Int32: Int64?]) -> String {
        var parts: [(range: ClosedRange<Int32>, offset: Int64?)] = []
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            if let last = parts.last, last.offset == offset, last.range.upperBound + 1 == partition {
                parts[parts.count - 1].range = last.range.lowerBound...partition
            } else {
                parts.append((partition...partition, offset))
            }
        }
        return parts.map { "\(text($0.range))=\($0.offset.map(String.init) ?? "none")" }.joined(separator: ",")
    }

    /// `0-3,7` of rising partitions.
    public static func text(_ partitions: [Int32]) -> String {
        var ranges: [ClosedRange<Int32>] = []
        for partition in partitions {
            if let last = ranges.last, last.upperBound + 1 == partition {
                ranges[ranges.count - 1] = last.lowerBound...partition
            } else {
                ranges.append(partition...partition)
            }
        }
        return ranges.map(text).joined(separator: ",")
    }

    private static func text(_ range: ClosedRange<Int32>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }

    private static func range(_ text: Substring) -> ClosedRange<Int32>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(number)
        // Kafka allows far fewer partitions; it bounds what a mistyped range may cost.
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
            first <= last, last < 1_000_000
        else { return nil }
        return Int32(first)...Int32(last)
    }

    private static func offset(_ text: Substring) -> Int64?? {
        if text == "none" { return .some(nil) }
        return number(text).map { .some($0) }
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }
}

extension PartitionRanges {
    /// Reads stretches of partitions: `0=100:200,1-3=40:,4=:50`, each from its first offset to the one behind its last;
    /// what is left out is the log's start or its end.
    ///
    /// - Throws: ``InputError``.
    public static func stretches(_ text: String) throws -> [Selection.Stretch] {
        var stretches: [Selection.Stretch] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let ends = sides.count == 2 ? sides[1].split(separator: ":", omittingEmptySubsequences: false) : []
            guard ends.count == 2, let range = range(sides[0]), let from = end(ends[0]), let to = end(ends[1]) else {
                throw InputError(
                    "\(SafeText.quoted(part)) is not PARTITION=FROM:TO, such as 0=100:200, 1-3=40: or 4=:50"
                )
            }
            guard to.map({ $0 > from ?? 0 }) ?? true else {
                throw InputError("\(SafeText.quoted(part)) is empty: the second offset is the one behind the last")
            }
            for partition in range { stretches.append(.init(partition: partition, from: from, to: to)) }
        }
        return stretches
    }

    /// Reads partitions: `0-3,7`.
    ///
    /// - Throws: ``InputError``.
    public static func partitions(_ text: String) throws -> [Int32] {
        var partitions: Set<Int32> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = range(part) else {
                throw InputError("\(SafeText.quoted(part)) is not a partition or a range of them, such as 7 or 0-3")
            }
            partitions.formUnion(range)
        }
        return partitions.sorted()
    }

    private static func end(_ text: Substring) -> Int64?? {
        if text.isEmpty { return .some(nil) }
        return number(text).map { .some($0) }
    }
}
