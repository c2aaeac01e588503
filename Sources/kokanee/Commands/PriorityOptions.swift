internal import Kokanee

extension OptionValues {
    /// - Parameter queues: those that may be named.
    func weights(of queues: [String]) throws -> [String: Int] {
        var weights: [String: Int] = [:]
        for text in strings("weight") {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let weight = Int(parts[1]), (1...1000).contains(weight) else {
                throw error("--weight is QUEUE=N with N from 1 to 1000, not \(text.onOneLine)")
            }
            guard queues.contains(parts[0]) else {
                throw error("--weight names \(parts[0].onOneLine), which is none of the queues to work")
            }
            guard weights.updateValue(weight, forKey: parts[0]) == nil else {
                throw error("--weight is there twice for \(parts[0])")
            }
        }
        return weights
    }

    func priorityPolicy() throws -> PriorityPolicy {
        let rule = string("priorities") ?? ""
        guard rule != "strict" else {
            let limit = try string("starvation-limit") == "0" ? .zero : duration("starvation-limit") ?? .seconds(60)
            return .strict(starvationLimit: limit == .zero ? nil : limit)
        }
        guard !isSet("starvation-limit") else { throw error("--starvation-limit goes with --priorities strict") }
        guard !rule.isEmpty else { return .weighted() }
        let weights = rule.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard weights.count == 3, weights.allSatisfy({ (1...1000).contains($0) }) else {
            throw error("--priorities is strict, or three weights from 1 to 1000 such as 6:3:1, not \(rule.onOneLine)")
        }
        return .weighted(high: weights[0], normal: weights[1], low: weights[2])
    }
}
