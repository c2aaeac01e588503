/// The nearest known word to a mistyped one.
enum Suggestion {
    /// The candidate most likely meant by `word`, or nil where none is near.
    ///
    /// A word that is the beginning of only one candidate means that one; else near is an edit distance of at most a
    /// third of the word's length, and at least 1.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let candidates = Array(candidates)
        let completed = word.count >= 2 ? candidates.filter { $0.hasPrefix(word) } : []
        if completed.count == 1 { return completed[0] }
        let limit = max(1, word.count / 3)
        let ranked = candidates.map { (distance: distance(word, $0, limit: limit), candidate: $0) }
        guard let best = ranked.min(by: { $0 < $1 }), best.distance <= limit else { return nil }
        return best.candidate
    }

    /// The sentence to append to an error: ` (did you mean --partitions?)`, or nothing.
    static func hint(for word: String, among candidates: some Sequence<String>, prefix: String = "") -> String {
        nearest(to: word, among: candidates).map { " (did you mean \(prefix)\($0)?)" } ?? ""
    }

    /// Edits to get from one word to the other (insertion, deletion, substitution, swap of two neighbours), where
    /// they are at most `limit`; else something above it.
    static func distance(_ left: String, _ right: String, limit: Int = .max) -> Int {
        let left = Array(left)
        let right = Array(right)
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        // The limit keeps words of absurd length from costing their product.
        guard abs(left.count - right.count) <= limit else { return .max }
        var beforePrevious = [Int](repeating: 0, count: right.count + 1)
        var previous = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            for column in 1...right.count {
                let isSame = left[row - 1] == right[column - 1]
                var cost = min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (isSame ? 0 : 1))
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    cost = min(cost, beforePrevious[column - 2] + 1)
                }
                current.append(cost)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
