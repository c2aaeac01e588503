#if KOKANEE_FAIL_POINTS

    extension FailPlan {
        /// Reads `hop.acknowledged=kill@3; commit.sending=fail@1-4; record.read=stop@7-`.
        ///
        /// After `@` stand the passages, the first being 1: one, from one to another, or from one on; without them it is
        /// every passage. Empty entries are skipped. `clock=+5m` or `clock=-5m` makes the process's wall clock wrong.
        ///
        /// - Throws: ``InputError`` that quotes the entry.
        init(text: String) throws(InputError) {
            var rules: [Rule] = []
            var clockSkew: Int64 = 0
            for entry in text.split(separator: ";") {
                let entry = entry.trimmed
                if entry.hasPrefix("clock=") {
                    clockSkew = try Self.skew(entry)
                } else if !entry.isEmpty {
                    rules.append(try Self.rule(entry))
                }
            }
            self.init(rules, clockSkew: clockSkew)
        }

        private static func skew(_ entry: Substring) throws(InputError) -> Int64 {
            let text = entry.dropFirst("clock=".count)
            guard let sign = text.first, sign == "+" || sign == "-",
                let skew = try? Duration(text: String(text.dropFirst())).milliseconds
            else { throw InputError("fail point \"\(entry)\": it must be clock=+DURATION or clock=-DURATION") }
            return sign == "-" ? -skew : skew
        }

        private static func rule(_ entry: Substring) throws(InputError) -> Rule {
            func problem(_ message: String) -> InputError { InputError("fail point \"\(entry)\": \(message)") }

            guard let equals = entry.firstIndex(of: "=") else {
                throw problem("it must be POINT=ACTION, POINT=ACTION@N, POINT=ACTION@N-M or POINT=ACTION@N-")
            }
            let name = entry[..<equals].trimmed
            guard let point = FailPoint.allCases.first(where: { $0.name == name }) else {
                throw problem("there is no point \"\(name)\"; there are \(list(FailPoint.allCases.map(\.name)))")
            }
            let what = entry[entry.index(after: equals)...]
            let at = what.firstIndex(of: "@")
            let verb = what[..<(at ?? what.endIndex)].trimmed
            guard let action = Action(rawValue: String(verb)) else {
                throw problem("there is no action \"\(verb)\"; there are \(list(Action.allCases.map(\.rawValue)))")
            }
            guard action != .fail || point.canFail else {
                throw problem("\(name) is no step that can fail; kill, stop and wedge are possible there")
            }
            guard let at else { return Rule(point: point, action: action, passages: 1...Int.max) }
            let text = what[what.index(after: at)...].trimmed
            guard let passages = passages(text) else {
                throw problem("\"\(text)\" must be N, N-M or N-, whole numbers from 1 up, M not below N")
            }
            return Rule(point: point, action: action, passages: passages)
        }

        private static func passages(_ text: Substring) -> ClosedRange<Int>? {
            let bounds = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = bounds.first.flatMap(number) else { return nil }
            guard bounds.count == 2 else { return first...first }
            guard !bounds[1].isEmpty else { return first...Int.max }
            guard let last = number(bounds[1]), last >= first else { return nil }
            return first...last
        }

        private static func number(_ text: Substring) -> Int? {
            guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            return Int(text).flatMap { $0 >= 1 ? $0 : nil }
        }

        private static func list(_ names: [String]) -> String {
            names.joined(separator: ", ")
        }
    }

    extension Substring {
        fileprivate var trimmed: Substring {
            var text = self
            while text.first?.isWhitespace == true { text.removeFirst() }
            while text.last?.isWhitespace == true { text.removeLast() }
            return text
        }
    }

#endif
