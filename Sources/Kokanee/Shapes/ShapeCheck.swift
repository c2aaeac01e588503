/// What of one build's jobs another build can't read, found from their ``JobShapes``.
///
/// While a deploy rolls both builds run, and each reads what the other has enqueued. So both directions are looked at.
public struct ShapeCheck: Sendable, Hashable {
    public enum Direction: String, Sendable, Hashable, CaseIterable {
        /// Jobs that are on the topic, or on the ladder, when the new build starts.
        case newReadsOld = "new-reads-old"
        /// Jobs that the new build enqueues while workers of the old one still run.
        case oldReadsNew = "old-reads-new"
    }

    public struct Finding: Sendable, Hashable {
        public var direction: Direction
        /// False for what is only to be known.
        public var isBreaking: Bool
        /// Such as `card.number`; nil where it is about the type as a whole.
        public var member: String?
        /// What is wrong, for people.
        public var message: String
    }

    /// What was found out about a type.
    public struct Verdict: Sendable, Hashable {
        public var type: String
        /// Nil where the build doesn't have it.
        public var oldVersion: Int?
        public var newVersion: Int?
        public var findings: [Finding]

        public var isCompatible: Bool { !findings.contains(where: \.isBreaking) }
    }

    /// By their names.
    public let types: [Verdict]

    public var isCompatible: Bool { types.allSatisfy(\.isCompatible) }

    public init(old: JobShapes, new: JobShapes) {
        let changed = old.types.map { Self.verdict(on: $0, new) }
        let kept = Set(old.types.compactMap { Self.find($0.type, in: new)?.type })
        let added = new.types.filter { !kept.contains($0.type) }.map { type in
            let note = "it is new: \(Self.refusal)"
            // What the old build takes for another type of its own is looked into there.
            let isRefused = !old.runsOthers && Self.find(type.type, in: old) == nil
            return Verdict(
                type: type.type,
                newVersion: type.version,
                findings: isRefused ? [Finding(.oldReadsNew, note: note)] : []
            )
        }
        types = (changed + added).sorted { $0.type < $1.type }
    }

    private static let refusal =
        "workers of the old build refuse such jobs, so let them wait for the deploy, or roll it "
        + "out before the first is enqueued"

    private static func find(_ name: String, in shapes: JobShapes) -> JobShapes.JobType? {
        shapes.types.first { $0.type == name } ?? shapes.types.first { $0.aliases.contains(name) }
    }

    private static func verdict(on old: JobShapes.JobType, _ shapes: JobShapes) -> Verdict {
        var verdict = Verdict(type: old.type, oldVersion: old.version, findings: [])
        let new = find(old.type, in: shapes)
        for name in old.aliases {
            if let other = find(name, in: shapes) {
                guard other.type != new?.type else { continue }
                let note = "jobs under its earlier name \(name) are \(other.type)'s now"
                verdict.findings += [Finding(.newReadsOld, note: note)] + newReadsOld(old, other)
                if other.type == name { verdict.findings += oldReadsNew(old, other) }
            } else if !shapes.runsOthers {
                let note =
                    "jobs under its earlier name \(name) are refused: be sure that none is left, also on the ladder"
                verdict.findings.append(Finding(.newReadsOld, note: note))
            }
        }
        guard let new else {
            let message = "the type is gone, and no other has it for an alias: jobs of it are refused"
            if !shapes.runsOthers { verdict.findings.append(Finding(.newReadsOld, breaking: message)) }
            return verdict
        }
        verdict.newVersion = new.version
        verdict.findings += newReadsOld(old, new)
        if new.type == old.type || old.aliases.contains(new.type) {
            verdict.findings += oldReadsNew(old, new)
        } else {
            verdict.findings.append(Finding(.oldReadsNew, note: "it is \(new.type) now: \(refusal)"))
        }
        return verdict
    }

    private static func newReadsOld(_ old: JobShapes.JobType, _ new: JobShapes.JobType) -> [Finding] {
        guard new.version >= old.version else {
            let message =
                "its version went down from \(old.version) to \(new.version): jobs of version \(old.version) are refused"
            return [Finding(.newReadsOld, breaking: message)]
        }
        if let first = new.upgradesFrom.first(where: { $0 >= old.version }) {
            return [
                Finding(.newReadsOld, note: "payloads are upgraded from version \(first) on, which is not looked into")
            ]
        }
        return compare(.newReadsOld, reader: new.payload, writer: old.payload)
    }

    private static func oldReadsNew(_ old: JobShapes.JobType, _ new: JobShapes.JobType) -> [Finding] {
        // That it went down is the other direction's matter: who reads higher versions reads these.
        guard new.version <= old.version else {
            return [Finding(.oldReadsNew, note: "it is version \(new.version) now: \(refusal)")]
        }
        return compare(.oldReadsNew, reader: old.payload, writer: new.payload)
    }

    private static func compare(_ direction: Direction, reader: PayloadShape?, writer: PayloadShape?) -> [Finding] {
        guard let reader, let writer else {
            let note = "its payload is taken as bytes, of which nothing is known"
            return [Finding(direction, note: note)]
        }
        var comparison = ShapeComparison(direction)
        comparison.compare(reader, writer, at: "")
        return comparison.findings
    }
}

extension ShapeCheck.Finding {
    init(_ direction: ShapeCheck.Direction, member: String? = nil, breaking message: String) {
        self.init(direction: direction, isBreaking: true, member: member, message: message)
    }

    init(_ direction: ShapeCheck.Direction, member: String? = nil, note message: String) {
        self.init(direction: direction, isBreaking: false, member: member, message: message)
    }
}
