/// Headers that a produced record takes over from a consumed one, without a copy of Swift's.
package struct CarriedHeaders: Sendable {
    /// The most headers that a record may have of which some are taken over.
    package static let limit = 64

    private let record: Record
    /// A bit for each header, from the first at the lowest bit.
    private let kept: UInt64

    /// - Parameter kept: a bit for each header that is taken over, from the first at the lowest bit.
    package init(of record: Record, kept: UInt64) {
        self.record = record
        self.kept = kept
    }

    package var count: Int { kept.nonzeroBitCount }

    /// Calls `body` with each header in the record's order; see ``Record/forEachHeader(_:)``.
    package func withEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void) {
        var rest = kept
        record.forEachHeader { name, value in
            if rest & 1 != 0 { body(name, value) }
            rest >>= 1
        }
    }

    package var copied: [Header] {
        var headers: [Header] = []
        headers.reserveCapacity(count)
        withEach { name, value in
            headers.append(Header(String(decoding: name, as: UTF8.self), value.map { Bytes(Array($0)) }))
        }
        return headers
    }
}
