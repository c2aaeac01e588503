import RdKafka

@testable import Kokanee
@testable import kokanee

extension FuzzTarget {
    /// What a handler process with job `j` in its hands writes.
    static let handler = FuzzTarget(name: "handler") { input in
        let limit = 1 << 10
        for overlong in [Kokanee.LineSplitter.Overlong.cut, .refuse] {
            let whole = lines(input, limit: limit, overlong, pieces: input.count)
            try requireEqual(lines(input, limit: limit, overlong, pieces: 3), whole, "lines are the same however cut")
            try require(whole.allSatisfy { $0.count <= limit }, "no line is over the limit")
            for line in whole { try checkMessage(line) }
        }
        try checkMessage(input)
        var tail = Tail()
        for start in stride(from: 0, to: input.count, by: 7) {
            input[start..<min(start + 7, input.count)].withUnsafeBytes { tail.append($0) }
        }
        try require(tail.text.unicodeScalars.count <= Tail.limit, "the tail of an error stream is short")
    }

    /// Newline-delimited JSON of `kokanee enqueue --file`.
    static let jobLines = FuzzTarget(name: "job-lines") { input in
        let now: Int64 = 1_800_000_000_000
        let whole = jobLines(input, pieces: input.count)
        try requireEqual(jobLines(input, pieces: 3), whole, "lines are the same however cut")
        for line in whole {
            let job: JobLine
            do throws(JobLine.Problem) {
                job = try JobLine(line, defaultType: nil, now: now)
            } catch {
                let size = error.description.utf8.count
                try require(size < 1024, "a problem is a few words, not \(size) bytes")
                continue
            }
            try require(JSONText.isValid(job.data), "data is JSON")
            try require(!job.type.isEmpty && job.id != "", "names are not empty")
            try require(job.delay.map { .zero...Duration.longestText ~= $0 } ?? true, "a delay is in its bounds")
            try require(job.at.map { 0...Timestamp.latest ~= $0 } ?? true, "a time is in its bounds")
        }
    }

    /// A file of client properties.
    static let properties = FuzzTarget(name: "properties") { input in
        let text = String(decoding: input, as: UTF8.self)
        let file: PropertyFile
        do {
            file = try PropertyFile(text: text, path: "p")
        } catch {
            return try require("\(error)".utf8.count < 1024, "an error is a few words")
        }
        for entry in file.entries {
            try require(!entry.name.isEmpty, "a property has a name")
            try require(!(entry.name + entry.value).contains(where: \.isNewline), "a property is one line")
        }
        // Not first in the file: a name may begin with a byte order mark.
        let written = "#\n" + file.entries.map { "\($0.name) = \($0.value)\r\n" }.joined()
        let again = try PropertyFile(text: written, path: "p").entries
        try requireEqual(again.map(\.name), file.entries.map(\.name), "names are read back")
        try requireEqual(again.map(\.value), file.entries.map(\.value), "values are read back")
    }

    private static func checkMessage(_ line: [UInt8]) throws {
        if line.withUnsafeBytes({ HandlerMessage.isPlainSuccess($0, of: "j") }) {
            try require(
                (try? HandlerMessage(line: line, id: "j")) == .completed(),
                "the short way says what the long one does"
            )
        }
        let message: HandlerMessage
        do throws(HandlerMessage.Failure) {
            message = try HandlerMessage(line: line, id: "j")
        } catch {
            let size = error.description.utf8.count
            return try require(size < 4096, "a failure is a few words, not \(size) bytes")
        }
        switch message {
        case .retry(let after?, _): try require(.zero...Duration.longestText ~= after, "a delay of \(after)")
        case .progress(let share, _): try require(0...1 ~= share, "a progress of \(share)")
        case .effect(let effect):
            try require((1...Effect.longestName) ~= effect.name.utf8.count, "a name of \(effect.name.utf8.count) bytes")
            try require(effect.detail.utf8.count <= Effect.longestDetail, "a detail of \(effect.detail.utf8.count)")
        case .extend(let time): try require(.zero...Duration.longestText ~= time, "an extension of \(time)")
        case .completed(let result?): try require(JSONText.isValid(result), "a result that is JSON")
        case .checkpoint(let value?): try require(JSONText.isValid(value), "a checkpoint that is JSON")
        case .completed, .stopped, .retry, .deadLetter, .checkpoint: break
        }
    }

    private static func lines(
        _ input: [UInt8],
        limit: Int,
        _ overlong: Kokanee.LineSplitter.Overlong,
        pieces size: Int
    ) -> [[UInt8]] {
        var splitter = Kokanee.LineSplitter(limit: limit, overlong: overlong)
        var lines: [[UInt8]] = []
        for start in stride(from: 0, to: input.count, by: max(1, size)) {
            let isTaken = input[start..<min(start + size, input.count)].withUnsafeBytes { bytes in
                splitter.append(bytes) { lines.append(Array($0)) }
            }
            if !isTaken { return lines }
        }
        if let last = splitter.finish() { lines.append(last) }
        return lines
    }

    private static func jobLines(_ input: [UInt8], pieces size: Int) -> [kokanee.LineSplitter.Line] {
        var splitter = kokanee.LineSplitter(maximumLength: 1 << 10)
        var lines: [kokanee.LineSplitter.Line] = []
        // A line that is too long ends the reading; the lines before it stay.
        try? input.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: max(1, size)) {
                try splitter.add(.init(rebasing: bytes[start..<min(start + size, bytes.count)]), to: &lines)
            }
            try splitter.finish(&lines)
        }
        return lines
    }
}
