internal import RdKafka

/// Sends again what was refused as too large because of its neighbours.
///
/// A broker holds a topic's `max.message.bytes` against a whole batch, whose records then all fail; librdkafka
/// doesn't split it. What failed like that is sent again by halves, down to single records, the first half to its end
/// before the second: jobs of one key keep their order. They then stand behind those of the same call that did not fail.
enum Bisection {
    /// - Parameters:
    ///   - refused: in order.
    ///   - send: sends some of them and returns which of these are refused again. Of a single one that is the last word.
    static func resend(_ refused: [Int], send: ([Int]) async -> [Int]) async {
        // The next one is the last.
        var parts = halves(of: refused)
        while let part = parts.popLast() {
            let again = await send(part)
            if part.count > 1 { parts += halves(of: again) }
        }
    }

    /// The second one first; none is empty.
    private static func halves(of refused: [Int]) -> [[Int]] {
        let middle = (refused.count + 1) / 2
        return [Array(refused[middle...]), Array(refused[..<middle])].filter { !$0.isEmpty }
    }
}

extension KafkaError {
    var isTooLarge: Bool { code == .messageTooLarge || code == .recordListTooLarge }
}
