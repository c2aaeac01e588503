/// A line that a handler process wrote about the job in its hands.
enum HandlerMessage: Equatable {
    case completed
    /// - after: nil is for the retry policy to say.
    case retry(after: Duration?, error: String)
    case deadLetter(error: String)
    /// Between 0 and 1.
    case progress(Double)
    case checkpoint

    struct Failure: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    /// - Parameter id: the job's in hand; a message of another one is an error.
    init(line: [UInt8], id: String) throws(Failure) {
        let members: [(name: String, value: Range<Int>)]
        do throws(JSONText.Failure) {
            members = try JSONText.members(of: line)
        } catch {
            throw Failure(description: "wrote \(Self.excerpt(line)), which is \(error)")
        }
        func value(_ name: String) -> ArraySlice<UInt8>? {
            let value = members.last { $0.name == name }.map { line[$0.value] }
            return value.map { $0.elementsEqual("null".utf8) } == true ? nil : value
        }

        guard let rawID = value("id") else {
            throw Failure(description: "wrote \(Self.excerpt(line)), which has no id")
        }
        guard JSONText.string(rawID) == id else {
            throw Failure(description: "answered for job \(Self.excerpt(rawID)), but job \(id) was in its hands")
        }
        if let ok = value("ok") {
            switch String(decoding: ok, as: UTF8.self) {
            case "true": self = .completed
            case "false": self = try Self.failed(value)
            case let other: throw Failure(description: "answered \"ok\":\(other), which is neither true nor false")
            }
        } else if let progress = value("progress") {
            guard let share = Double(String(decoding: progress, as: UTF8.self)), 0...1 ~= share else {
                throw Failure(description: "wrote a progress of \(Self.excerpt(progress)), not a number from 0 to 1")
            }
            self = .progress(share)
        } else if members.contains(where: { $0.name == "checkpoint" }) {
            self = .checkpoint
        } else {
            throw Failure(description: "wrote \(Self.excerpt(line)), which has no ok, progress or checkpoint")
        }
    }

    private static func failed(_ value: (String) -> ArraySlice<UInt8>?) throws(Failure) -> HandlerMessage {
        let error = value("error").map { JSONText.string($0) ?? String(decoding: $0, as: UTF8.self) }
        let reason = error.flatMap { $0.isEmpty ? nil : $0 } ?? "the handler gave no reason"
        switch value("retry").map({ String(decoding: $0, as: UTF8.self) }) {
        case "false": return .deadLetter(error: reason)
        case "true", nil: break
        case .some(let other):
            throw Failure(description: "answered \"retry\":\(other), which is neither true nor false")
        }
        guard let after = value("retryAfter") else { return .retry(after: nil, error: reason) }
        guard let delay = delay(after) else {
            throw Failure(
                description: "answered \"retryAfter\":\(excerpt(after)), neither seconds nor a duration like 5m"
            )
        }
        return .retry(after: delay, error: reason)
    }

    /// Seconds as a number, or a duration as the command line has it: `500ms`, `30s`, `5m`, `1h`, `2d`, `PT5M`.
    private static func delay(_ raw: ArraySlice<UInt8>) -> Duration? {
        if let text = JSONText.string(raw) { return duration(text) }
        return Double(String(decoding: raw, as: UTF8.self)).flatMap { bounded($0) }
    }

    /// At most a century, which keeps sums with times far from any overflow.
    private static func bounded(_ seconds: Double) -> Duration? {
        0...3_153_600_000 ~= seconds ? .seconds(seconds) : nil
    }

    static func duration(_ text: String) -> Duration? {
        if let match = text.wholeMatch(of: /([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)/) {
            let units: [Substring: Double] = ["ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400]
            guard let number = Double(match.1), let unit = units[match.2] else { return nil }
            return bounded(number * unit)
        }
        let iso = /P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?/
        guard let match = text.wholeMatch(of: iso), let last = text.last, last != "P", last != "T" else { return nil }
        let parts: [(Substring?, Double)] = [(match.1, 86_400), (match.2, 3600), (match.3, 60), (match.4, 1)]
        let seconds = parts.map { digits, unit in (digits.flatMap { Double($0) } ?? 0) * unit }
        return bounded(seconds.reduce(0, +))
    }

    private static func excerpt(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(200), as: UTF8.self).debugDescription
        return bytes.count > 200 ? text + "…" : text
    }
}
