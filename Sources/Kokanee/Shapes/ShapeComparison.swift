/// Whether what one build writes can be read by another.
struct ShapeComparison {
    private static let integers: [String: ClosedRange<Int>] = [
        "Int8": -7...7, "Int16": -15...15, "Int32": -31...31, "Int64": -63...63, "Int": -63...63, "Int128": -127...127,
        "UInt8": 0...8, "UInt16": 0...16, "UInt32": 0...32, "UInt64": 0...64, "UInt": 0...64, "UInt128": 0...128,
    ]
    /// Types that read not every text.
    private static let strictTexts: Set<String> = ["UUID", "URL", "Data"]

    private(set) var findings: [ShapeCheck.Finding] = []
    private let direction: ShapeCheck.Direction

    init(_ direction: ShapeCheck.Direction) {
        self.direction = direction
    }

    private var reader: String { direction == .newReadsOld ? "the new build" : "the old build" }
    private var writer: String { direction == .newReadsOld ? "the old one" : "the new one" }

    private mutating func note(_ path: String, breaking message: String) {
        findings.append(.init(direction, member: path.isEmpty ? nil : path, breaking: message))
    }

    private mutating func note(_ path: String, _ message: String) {
        findings.append(.init(direction, member: path.isEmpty ? nil : path, note: message))
    }

    mutating func compare(_ read: PayloadShape, _ written: PayloadShape, at path: String) {
        if read.isPartlyKnown || written.isPartlyKnown {
            let type = read.isPartlyKnown ? read.type : written.type
            note(path, "\(type) is only partly known: its decoding took none of the values that were tried")
        }
        let loose: Set<PayloadShape.Kind> = [.unknown, .recursive]
        guard !loose.contains(read.kind), !loose.contains(written.kind) else { return }
        guard read.kind == written.kind || (read.kind, written.kind) == (.number, .integer) else {
            return note(path, breaking: "\(reader) reads \(words(read)), and \(writer) writes \(words(written))")
        }
        switch read.kind {
        case .object: compareMembers(read, written, at: path)
        case .array, .map: compareElements(read, written, at: path)
        case .string, .integer: compareValues(read, written, at: path)
        default: break
        }
    }

    private mutating func compareMembers(_ read: PayloadShape, _ written: PayloadShape, at path: String) {
        let there = Dictionary((written.members ?? []).map { ($0.name, $0) }) { first, _ in first }
        for member in read.members ?? [] {
            let name = path.isEmpty ? member.name : "\(path).\(member.name)"
            let isNeeded = member.isRequired && !member.hasDefault
            guard let other = there[member.name] else {
                // Of a type that is partly known the rest may have it.
                if isNeeded, !written.isPartlyKnown {
                    note(name, breaking: "\(reader) requires it, and \(writer) doesn't write it")
                }
                continue
            }
            // Null stands where Swift writes nothing, and no default helps there.
            if isNeeded, !other.isRequired {
                note(name, breaking: "\(reader) requires it, and \(writer) may leave it out")
            }
            compare(member.shape, other.shape, at: name)
        }
    }

    private mutating func compareElements(_ read: PayloadShape, _ written: PayloadShape, at path: String) {
        for (element, other) in zip(read.elements ?? [], written.elements ?? []) {
            if !element.isNullable, other.isNullable {
                note("\(path)[]", breaking: "\(reader) reads no null, which \(writer) may write")
            }
            compare(element, other, at: "\(path)[]")
        }
    }

    private mutating func compareValues(_ read: PayloadShape, _ written: PayloadShape, at path: String) {
        if let known = read.cases {
            guard let others = written.cases else {
                return note(
                    path,
                    breaking: "\(reader) knows only \(list(known)), and \(writer) writes \(words(written))"
                )
            }
            let unknown = others.filter { !known.contains($0) }
            guard unknown.isEmpty else { return note(path, breaking: "\(reader) doesn't know \(list(unknown))") }
            return
        }
        if let range = Self.integers[read.type], let other = Self.integers[written.type],
            other.lowerBound < range.lowerBound || other.upperBound > range.upperBound
        {
            note(path, breaking: "\(reader) reads \(read.type), and not all of \(writer)'s \(written.type) fit")
        }
        if Self.strictTexts.contains(read.type), read.type != written.type {
            note(path, breaking: "\(reader) reads \(read.type) only, and \(writer) writes \(written.type)")
        }
    }

    private func words(_ shape: PayloadShape) -> String {
        switch shape.kind {
        case .object: "an object (\(shape.type))"
        case .map, .array: "\(shape.kind == .map ? "a" : "an") \(shape.kind.rawValue)"
        default: "\(shape.kind == .integer ? "an" : "a") \(shape.kind.rawValue) (\(shape.type))"
        }
    }

    private func list(_ cases: [String]) -> String {
        cases.prefix(8).map { SafeText.quoted($0) }.joined(separator: ", ") + (cases.count > 8 ? ", …" : "")
    }
}
