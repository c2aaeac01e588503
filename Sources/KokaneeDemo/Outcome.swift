internal import Kokanee

/// What the demo has seen, and what of it had to come true.
struct Outcome: Sendable {
    struct Letter: Sendable {
        let path: String
        let attempts: Int
        let lastError: String
        /// Neither retried nor discarded.
        let isOpen: Bool
    }

    /// Release 1, release 2 on the retried letters, release 2 on the replay.
    let shifts: [Shift]
    let ladder: Ladder
    let files: Int
    let retried: Int
    /// After release 1, and in the end.
    let before: Judge.Verdict
    let after: Judge.Verdict
    let hazards: Hazards
    let letters: [Letter]
    /// Jobs that wait in the end.
    let left: Int

    /// What did not come true, a sentence each.
    var faults: [String] {
        var faults: [String] = []
        func expect(_ holds: Bool, _ fault: @autoclosure () -> String) {
            if !holds { faults.append(fault()) }
        }
        expect(after.wrong.isEmpty, "wrong in the end: \(Self.few(after.wrong))")
        expect(after.missing.isEmpty, "without a digest in the end: \(Self.few(after.missing))")
        expect(left == 0, "\(left) jobs still wait")
        expect(shifts.allSatisfy { $0.statistics.lostToRetention == 0 }, "the broker dropped jobs before they ran")

        let open = Set(letters.filter(\.isOpen).map(\.path))
        expect(
            open.isSubset(of: after.unreadable),
            "dead, but readable: \(Self.few(open.subtracting(after.unreadable)))"
        )
        expect(
            open.isSuperset(of: after.unreadable),
            "unreadable, but not dead: \(Self.few(after.unreadable.subtracting(open)))"
        )
        let hurried = letters.filter { $0.attempts != ladder.rungs.count + 1 }.map(\.path)
        expect(hurried.isEmpty, "dead after another number of attempts: \(Self.few(hurried))")

        // The hazards had to show what they are for.
        expect(Set(hazards.broken).isSubset(of: open), "not dead: \(Self.few(Set(hazards.broken).subtracting(open)))")
        expect(Set(hazards.large).isSubset(of: before.wrong), "release 1 got large files right")
        expect(Set(hazards.empty).isSubset(of: before.missing), "release 1 got empty files right")
        expect(retried >= hazards.empty.count, "\(retried) letters were retried")
        let failures = shifts[0].counts.failures
        let early = hazards.late.filter { failures[$0.path, default: 0] < $0.failures }.map(\.path)
        expect(early.isEmpty, "succeeded before there was a file: \(Self.few(early))")
        return faults
    }

    var conclusion: String {
        """
        All of it holds: \(after.right) digests are sha256sum's; the \(after.unreadable.count) files that nobody can \
        read are dead letters.
        """
    }

    var table: String {
        let names = ["release 1", "dlq retry", "replay"]
        let totals = [files, retried, files + retried]
        var rows: [[String]] = [[""] + names]
        rows.append(["jobs"] + totals.map(String.init))
        rows.append(["attempts"] + shifts.map { "\($0.counts.attempts)" })
        for (index, rung) in ladder.rungs.enumerated() {
            rows.append(["climbed \(rung.name)"] + shifts.map { "\($0.counts.climbed[index])" })
        }
        rows.append(["completed"] + shifts.map { "\($0.statistics.completed)" })
        rows.append(["dead"] + shifts.map { "\($0.statistics.dead)" })
        rows.append(["jobs/s"] + shifts.map { $0.counts.rate.map(String.init) ?? "" })
        rows.append(["seconds"] + shifts.map { "\($0.elapsed.components.seconds)" })
        rows.append(["wrong digests", "\(before.wrong.count)", "", "\(after.wrong.count)"])
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: max(0, (column == 0 ? 14 : 11) - cell.count))
                return column == 0 ? cell + padding : padding + cell
            }
            .joined()
        }
        .joined(separator: "\n")
    }

    private static func few(_ paths: some Collection<String>) -> String {
        let shown = paths.sorted().prefix(5).joined(separator: ", ")
        return paths.count > 5 ? "\(shown) and \(paths.count - 5) more" : shown
    }
}
