internal import Kokanee

/// What a comparison of two builds' job types found, for people and for programs.
struct ShapeReport {
    private let check: ShapeCheck
    private let builds: String

    init(_ check: ShapeCheck, old: JobShapes, new: JobShapes) {
        self.check = check
        let names = [old.build, new.build].compactMap { $0 }
        builds = names.count == 2 ? " from build \(names[0]) to \(names[1])".onOneLine : ""
    }

    /// A paragraph for each type.
    var text: String {
        guard !check.types.isEmpty else { return "there are no job types" }
        return check.types.map(Self.paragraph).joined(separator: "\n")
    }

    var summary: String {
        let broken = check.types.count { !$0.isCompatible }
        guard broken > 0 else { return "compatible\(builds)" }
        let types = check.types.count == 1 ? "1 job type" : "\(check.types.count) job types"
        return "\(broken) of \(types) \(broken == 1 ? "breaks" : "break")\(builds)"
    }

    private static func paragraph(_ verdict: ShapeCheck.Verdict) -> String {
        var lines = [
            "\(verdict.type.onOneLine) \(versions(verdict)): \(verdict.isCompatible ? "compatible" : "BREAKING")"
        ]
        for direction in ShapeCheck.Direction.allCases {
            for finding in verdict.findings where finding.direction == direction {
                let member = finding.member.map { "\($0): " } ?? ""
                let mark = finding.isBreaking ? "breaks" : "note"
                lines.append("  \(mark), \(words(direction)): \(member)\(finding.message)".onOneLine)
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func versions(_ verdict: ShapeCheck.Verdict) -> String {
        switch (verdict.oldVersion, verdict.newVersion) {
        case (let old?, let new?) where old == new: "version \(old)"
        case (let old?, let new?): "version \(old), now \(new)"
        case (let old?, nil): "version \(old), now gone"
        case (nil, let new?): "version \(new), new"
        case (nil, nil): ""
        }
    }

    private static func words(_ direction: ShapeCheck.Direction) -> String {
        switch direction {
        case .newReadsOld: "new code reads old jobs"
        case .oldReadsNew: "old code reads new jobs"
        }
    }

    static func object(_ verdict: ShapeCheck.Verdict) -> JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("type", verdict.type)
        add("old", verdict.oldVersion, to: &object)
        add("new", verdict.newVersion, to: &object)
        object.add("compatible", verdict.isCompatible)
        let findings = verdict.findings.map { finding in
            var object = JSONObjectWriter()
            object.add("direction", finding.direction.rawValue)
            object.add("breaking", finding.isBreaking)
            if let member = finding.member { object.add("member", member) } else { object.addNull("member") }
            object.add("message", finding.message)
            return object
        }
        object.add("findings", objects: findings)
        return object
    }

    private static func add(_ name: String, _ version: Int?, to object: inout JSONObjectWriter) {
        if let version { object.add(name, version) } else { object.addNull(name) }
    }
}
