/// Rows for people: columns aligned, numbers to the right.
struct Table: Sendable {
    struct Column: Sendable {
        enum Alignment: Sendable {
            case left, right
        }

        let title: String
        let alignment: Alignment

        static func text(_ title: String) -> Column { Column(title: title, alignment: .left) }
        static func number(_ title: String) -> Column { Column(title: title, alignment: .right) }
    }

    let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    var isEmpty: Bool { rows.isEmpty }

    /// - Precondition: as many cells as there are columns.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row of \(cells.count) cells in \(columns.count) columns")
        rows.append(cells.map(\.onOneLine))
    }

    /// The table without a line break at its end; empty without rows.
    func text(isBold: Bool = false) -> String {
        guard !rows.isEmpty else { return "" }
        let titles = columns.map(\.title)
        let widths = columns.indices.map { index in
            ([titles] + rows).map { $0[index].count }.max() ?? 0
        }
        let header = line(titles, widths)
        return ([isBold ? "\u{1B}[1m\(header)\u{1B}[0m" : header] + rows.map { line($0, widths) })
            .joined(separator: "\n")
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = cells.indices.map { index in
            let padding = String(repeating: " ", count: widths[index] - cells[index].count)
            return columns[index].alignment == .left ? cells[index] + padding : padding + cells[index]
        }
        let line = padded.joined(separator: "  ")
        // No blanks at the end of a line, where the last column is ragged.
        return String(line.reversed().drop { $0 == " " }.reversed())
    }
}
