import RdKafka

@testable import Kokanee

extension FuzzTarget {
    /// An expression, then 0x1E, then a payload.
    static let expression = FuzzTarget(name: "expression") { input in
        let parts = input.split(separator: 0x1E, maxSplits: 1, omittingEmptySubsequences: false)
        let text = String(decoding: parts[0], as: UTF8.self)
        let payload = Bytes(parts.count > 1 ? Array(parts[1]) : [])
        let expression: PayloadExpression
        do {
            expression = try PayloadExpression(text)
        } catch let error as InputError {
            try require(error.message.utf8.count < 1024, "an error is a few lines")
            let lines = error.message.split(separator: "\n", omittingEmptySubsequences: false)
            try require(lines.count == 3 && lines[2].hasSuffix("^") || lines.count == 1, "the place is shown")
            try require(!error.message.utf8.contains { $0 < 0x20 && $0 != 0x0A || $0 == 0x7F }, "no control characters")
            return
        }
        let job = DecodedJob(envelope: Envelope(id: "id", type: "type"), payload: payload)
        let answer = expression.answer(job, key: "key")
        try requireEqual(expression.answer(job, key: "key"), answer, "an answer is the same when asked again")
        // Its contrary, where that is not too deep.
        guard let contrary = try? PayloadExpression("not (\(text))") else { return }
        let other: PayloadExpression.Answer =
            switch answer {
            case .yes: .no
            case .no: .yes
            case .unreadable: .unreadable
            }
        try requireEqual(contrary.answer(job, key: "key"), other, "an expression and its contrary")
    }
}
