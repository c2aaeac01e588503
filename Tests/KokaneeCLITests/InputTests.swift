import Foundation
import Kokanee
import Testing

@testable import kokanee

@Suite struct LineSplitterTests {
    static func split(_ text: String, chunk: Int, limit: Int = 1000) throws -> [String] {
        var splitter = LineSplitter(maximumLength: limit)
        var lines: [LineSplitter.Line] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            let part = Array(bytes[start..<min(start + chunk, bytes.count)])
            try part.withUnsafeBytes { try splitter.add($0, to: &lines) }
        }
        try splitter.finish(&lines)
        return lines.map { "\($0.number):\(String(decoding: $0.bytes, as: UTF8.self))" }
    }

    @Test(
        "lines are the same whatever the chunks are",
        arguments: [
            ("", []), ("a", ["1:a"]), ("a\n", ["1:a"]), ("a\nb", ["1:a", "2:b"]), ("a\r\nb\r\n", ["1:a", "2:b"]),
            ("\n\na\n \t\r\nb\n\n", ["3:a", "5:b"]), ("\u{FEFF}a\nb", ["1:a", "2:b"]),
            ("a\n\u{FEFF}b", ["1:a", "2:\u{FEFF}b"]),
            ("a\rb\n", ["1:a\rb"]), ("é€😀\nß", ["1:é€😀", "2:ß"]),
        ] as [(String, [String])]
    )
    func chunks(text: String, expected: [String]) throws {
        for chunk in 1...8 {
            #expect(try Self.split(text, chunk: chunk) == expected)
        }
    }

    @Test("a line over the limit is named, and the lines before it are kept", arguments: [1, 3, 100])
    func tooLong(chunk: Int) throws {
        #expect(try Self.split("1234\n1234", chunk: chunk, limit: 4) == ["1:1234", "2:1234"])
        #expect(throws: LineSplitter.TooLong(number: 2)) {
            try Self.split("1234\n12345\n", chunk: chunk, limit: 4)
        }
        #expect(throws: LineSplitter.TooLong(number: 2)) {
            try Self.split("1234\n12345", chunk: chunk, limit: 4)
        }
    }
}

@Suite struct LineReaderTests {
    static func file(_ text: String) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url
    }

    @Test("a file larger than a chunk comes whole and in order")
    func largeFile() async throws {
        let url = try Self.file((0..<300_000).map { "line \($0)" }.joined(separator: "\n"))
        defer { try? FileManager.default.removeItem(at: url) }
        let reader = try LineReader(path: url.path())
        let feed = LineFeed(reader)
        var count = 0
        var bytesRead = 0
        while let batch = try await feed.next() {
            for line in batch.lines {
                guard line.number == count + 1, line.bytes == Array("line \(count)".utf8) else {
                    Issue.record("line \(line.number) is not the next")
                    return
                }
                count += 1
            }
            bytesRead = batch.bytesRead
        }
        #expect(count == 300_000)
        #expect(bytesRead == reader.size)
    }

    @Test("lines before one that is too long are handed out, then the error names it")
    func tooLong() async throws {
        let url = try Self.file("a\nb\n\(String(repeating: "x", count: 3 << 20))\nc")
        defer { try? FileManager.default.removeItem(at: url) }
        let feed = LineFeed(try LineReader(path: url.path(), maximumLineLength: 2 << 20))
        #expect(try await feed.next()?.lines.map(\.number) == [1, 2])
        let error = await #expect(throws: Failure.self) { _ = try await feed.next() }
        #expect(error?.code == .input)
        #expect(error?.message.hasSuffix("line 3: longer than 2 MiB") == true)
    }

    @Test("what can't be read is wrong input, told with its name", arguments: ["/nonexistent/file", "/"])
    func unreadable(path: String) async throws {
        let error = await #expect(throws: Failure.self) {
            _ = try await LineFeed(LineReader(path: path)).next()
        }
        #expect(error?.code == .input)
        #expect(error?.message.contains(path) == true)
    }
}

@Suite struct JobLineTests {
    static func parse(_ text: String, defaultType: String? = nil) throws(JobLine.Problem) -> JobLine {
        try JobLine(.init(number: 17, bytes: Array(text.utf8)), defaultType: defaultType, now: 1_000_000)
    }

    @Test("all members are read, and data is kept as it was written")
    func whole() throws {
        let line = try Self.parse(
            #"{"type":"a\u00e9","data": {"b": 1.00, "a":12345678901234567890} ,"key":"k","id":"i","delay":"5s","idempotencyKey":"x"}"#
        )
        #expect(line.type == "aé")
        #expect(String(decoding: line.data, as: UTF8.self) == #"{"b": 1.00, "a":12345678901234567890}"#)
        #expect(line.key == "k")
        #expect(line.id == "i")
        #expect(line.delay == .seconds(5))
        #expect(line.idempotencyKey == "x")
    }

    @Test("a line says all that the flags of one job say")
    func allThatFlagsSay() throws {
        let job = try Self.parse(
            #"{"type":"t","data":1,"version":3,"key":"k","expires":"1h","priority":"low","idempotencyKey":"x","#
                + #""idempotencyWindow":"2h","unique":"done","uniqueKey":"u","uniqueFor":"5m","keepResult":"1d"}"#
        ).job
        #expect(job.version == 3 && job.expiresAfter == .seconds(3600) && job.priority == .low)
        #expect(job.idempotencyKey == "x" && job.idempotencyWindow == .seconds(7200))
        #expect(job.unique == .unique(until: .done, for: .seconds(300), key: "u"))
        #expect(job.keepResult == .seconds(86_400))
        let plain = try Self.parse(#"{"type":"t","data":1,"unique":"start"}"#).job
        #expect(plain.unique == .unique(until: .start, for: .seconds(86_400), key: nil))
        #expect(plain.version == 1 && plain.expiresAfter == nil && plain.keepResult == nil)
    }

    @Test("what a line says counts, and else what the flags say")
    func defaults() throws {
        let settings = BulkEnqueue.Settings(
            version: 2,
            expiresAfter: .seconds(60),
            priority: .high,
            priorities: [.high, .normal, .low]
        )
        func job(_ text: String) throws -> NewJob {
            let batch = LineReader.Batch(lines: [.init(number: 1, bytes: Array(text.utf8))], bytesRead: 0)
            return try #require(BulkEnqueue.Chunk(batch, settings: settings, now: 0).jobs.first)
        }
        let silent = try job(#"{"type":"t","data":1}"#)
        #expect(silent.version == 2 && silent.expiresAfter == .seconds(60) && silent.priority == .high)
        let telling = try job(#"{"type":"t","data":1,"version":1,"expires":"1s","priority":"normal"}"#)
        #expect(telling.version == 1 && telling.expiresAfter == .seconds(1) && telling.priority == .normal)
    }

    @Test("a line that could never run ends the file there, and is named, before anything behind it is sent")
    func neverRuns() throws {
        let texts = [
            #"{"type":"t","data":1}"#, #"{"type":"t","data":1,"idempotencyWindow":"1h"}"#, #"{"type":"t","data":1}"#,
        ]
        let lines = texts.enumerated().map { LineSplitter.Line(number: $0 + 1, bytes: Array($1.utf8)) }
        let batch = LineReader.Batch(lines: lines, bytesRead: 0)
        let chunk = BulkEnqueue.Chunk(batch, settings: .init(), now: 0)
        #expect(chunk.lines == [1] && chunk.problems.map(\.line) == [2])
        #expect(chunk.problems.first?.message.contains("idempotency window") == true)
        #expect(BulkEnqueue.Chunk(batch, settings: .init(keepsGoing: true), now: 0).lines == [1, 3])
    }

    @Test("a time stands for itself, and a type may come from the command line")
    func timeAndDefaultType() throws {
        let line = try Self.parse(#"{"data":null,"at":"1970-01-02T00:00:00Z"}"#, defaultType: "t")
        #expect(line.at == 86_400_000)
        #expect(line.type == "t")
        #expect(line.data == Array("null".utf8))
    }

    @Test(
        "a bad line is named with what is wrong",
        arguments: [
            ("{", "not JSON"), ("[]", "expected '{'"), (#"{"type":"a"}"#, "\"data\" is missing"),
            (#"{"data":1}"#, "\"type\" is missing"), (#"{"type":1,"data":1}"#, "\"type\" must be a string"),
            (#"{"type":"","data":1}"#, "\"type\" is empty"), (#"{"type":"a","data":1,"id":""}"#, "\"id\" is empty"),
            (#"{"type":"a","dta":1}"#, "unknown member \"dta\" (did you mean data?)"),
            (#"{"type":"a","data":1,"data":2}"#, "\"data\" is there twice"),
            (#"{"type":"a","data":1,"key":null}"#, "\"key\" must be a string"),
            (#"{"type":"a","data":1,"delay":5}"#, "\"delay\" must be a string"),
            (#"{"type":"a","data":1,"delay":"soon"}"#, "\"delay\": "),
            (#"{"type":"a","data":1,"delay":"soon"}"#, "not a duration"),
            (#"{"type":"a","data":1,"at":"soon"}"#, "not a time"),
            (#"{"type":"a","data":1,"expires":"soon"}"#, "\"expires\": "),
            (#"{"type":"a","data":1,"keepResult":"x"}"#, "\"keepResult\": "),
            (#"{"type":"a","data":1,"version":0}"#, "\"version\" is a whole number from 1"),
            (#"{"type":"a","data":1,"version":"2"}"#, "\"version\" is a whole number from 1"),
            (#"{"type":"a","data":1,"unique":"once"}"#, "\"unique\" is start or done"),
            (#"{"type":"a","data":1,"uniqueFor":"1h"}"#, "are for \"unique\""),
            (#"{"type":"a","data":1,"unique":"done","uniqueFor":"x"}"#, "\"uniqueFor\": "),
            (#"{"type":"a","data":1,"at":"now","delay":"1s"}"#, "exclude each other"),
            (#"{"type":"a","data":1} x"#, "not JSON"),
        ]
    )
    func problems(text: String, expected: String) {
        let problem = #expect(throws: JobLine.Problem.self) { try Self.parse(text) }
        #expect(problem?.description.hasPrefix("line 17: ") == true)
        #expect(problem?.message.contains(expected) == true, "\(problem?.message ?? "")")
    }
}
