import Kokanee
import Testing

@testable import kokanee

@Suite struct OutputTests {
    static var table: Table {
        var table = Table([.text("queue"), .number("waiting"), .text("note")])
        table.add(["orders", "12", "fine"])
        table.add(["x", "1234567", ""])
        return table
    }

    @Test("columns are aligned, numbers to the right, without blanks at the end of a line")
    func tableText() {
        #expect(
            Self.table.text() == """
                queue   waiting  note
                orders       12  fine
                x       1234567
                """
        )
    }

    @Test("colours appear on a terminal only, and not under NO_COLOR")
    func colours() throws {
        for (isTerminal, environment, isBold) in [
            (true, [:], true), (false, [:], false), (true, ["NO_COLOR": "1"], false), (true, ["NO_COLOR": ""], true),
            (true, ["TERM": "dumb"], false),
        ] as [(Bool, [String: String], Bool)] {
            let output = Recorder()
            let console = Console(
                output: output.sink(isTerminal: isTerminal),
                error: Recorder().sink(),
                environment: environment
            )
            try console.print(Self.table)
            #expect(output.text.contains("\u{1B}[1m") == isBold)
        }
    }

    @Test("what a job carries can neither break a line nor command the terminal")
    func controlCharacters() {
        #expect("a\nb\r\t\u{1B}[2J\u{9B}x\u{202E}é".onOneLine == "a\\nb\\r\\t\\u{1b}[2J\\u{9b}x\\u{202e}é")
        var table = Table([.text("error")])
        table.add(["\u{1B}[31mred\nline"])
        #expect(table.text() == "error\n\\u{1b}[31mred\\nline")
    }

    @Test(
        "a value in a log line ends where its quotes end, and no two values look the same",
        arguments: [
            ("plain", "plain"), (#"C:\dir\"#, #"C:\dir\"#), (#"two words\"#, #""two words\\""#), ("a=b", #""a=b""#),
            ("", #""""#), (#"say "no\""#, #""say \"no\\\"""#), ("a\nb", #""a\nb""#), (#"a\nb c"#, #""a\\nb c""#),
        ]
    )
    func logValues(value: String, written: String) {
        let error = Recorder()
        let console = Console(output: Recorder().sink(), error: error.sink())
        console.logger().log(.warning, "m", ["key": value])
        #expect(error.text.hasSuffix(" warning m key=\(written)\n"))
    }

    @Test("a log line's values are redacted as they are, whatever their quotes become")
    func redactedLogValues() throws {
        let error = Recorder()
        let console = Console(output: Recorder().sink(), error: error.sink(), redaction: try Redaction(["email"]))
        console.logger().log(.warning, "m", ["stderr": #"{'email': 'a"b\'secret c'} and on"#])
        #expect(!error.text.contains("secret") && error.text.contains("and on"), "\(error.text)")
    }

    @Test("what a job has left steers no terminal, and comes as it is elsewhere")
    func foreignText() throws {
        let text = "\u{1B}]0;title\u{07}one\ntwo \u{9B}31m"
        for (isTerminal, expected) in [(true, "\\u{1b}]0;title\\u{7}one\ntwo \\u{9b}31m\n"), (false, "\(text)\n")] {
            let output = Recorder()
            let console = Console(output: output.sink(isTerminal: isTerminal), error: Recorder().sink())
            try console.print(foreign: text)
            #expect(output.text == expected)
        }
    }

    @Test("what is printed beside a deed needs no reader")
    func beside() throws {
        let console = Console(output: TextSink { _ in throw TextSink.ReaderGone() }, error: Recorder().sink())
        #expect(throws: TextSink.ReaderGone.self) { try console.print("a list") }
        try console.printBeside { try console.print("a plan") }
        let failure = Failure("for another reason")
        #expect(throws: Failure.self) { try console.printBeside { throw failure } }
    }

    @Test("a result in JSON is one object on one line")
    func json() throws {
        let output = Recorder()
        let console = Console(output: output.sink(), error: Recorder().sink(), isJSON: true)
        var object = JSONObjectWriter()
        object.add("id", "a\"\n")
        object.add("partition", 3)
        try console.print(object)
        #expect(output.text == "{\"id\":\"a\\\"\\n\",\"partition\":3}\n")
    }

    @Test("-q leaves errors, -v adds all there is")
    func verbosity() {
        for (verbosity, expected) in [(Console.Verbosity.quiet, 1), (.normal, 4), (.verbose, 5)] {
            let error = Recorder()
            let console = Console(output: Recorder().sink(), error: error.sink(), verbosity: verbosity)
            let logger = console.logger()
            for level in Logger.Level.allCases { logger.log(level, "message") }
            #expect(error.text.split(separator: "\n").count == expected)
        }
    }

    @Test("a log line is time, level, message and pairs that can be taken apart again")
    func logLine() {
        let error = Recorder()
        let console = Console(output: Recorder().sink(), error: error.sink())
        let logger = console.logger { 1_782_907_200_005 }
        logger.log(.warning, "job failed", ["id": "a1", "error": "no \"such\"\nfile", "empty": ""])
        #expect(
            error.text
                == "2026-07-01T12:00:00.005Z warning job failed id=a1 error=\"no \\\"such\\\"\\nfile\" empty=\"\"\n"
        )
    }

    @Test("the progress bar is drawn on a terminal only, and makes room for other lines")
    func progressBar() {
        let start = ContinuousClock.now
        for (isTerminal, verbosity) in [(true, Console.Verbosity.normal), (false, .normal), (true, .quiet)] {
            let error = Recorder()
            let console = Console(
                output: Recorder().sink(),
                error: error.sink(isTerminal: isTerminal),
                verbosity: verbosity
            )
            let progress = Progress("jobs", console: console, start: start)
            progress.update(count: 500, fraction: 0.5, now: start + .seconds(10))
            console.complain("trouble")
            progress.finish()
            let isShown = isTerminal && verbosity == .normal
            #expect(error.text.contains("50 %") == isShown)
            #expect(error.text.contains("\r\u{1B}[Ktrouble\n\r") == isShown)
        }
    }

    @Test("progress tells count, rate and the time that is left")
    func progressLine() {
        let line = ProgressLine(count: 1_234_567, noun: "jobs", fraction: 0.25, elapsed: .seconds(10))
        #expect(line.plain == "1 234 567 jobs  123 456/s  ETA 00:00:30")
        #expect(line.bar.hasPrefix("███████░░░░░░░░░░░░░░░░░░░░░ 25 %"))
        #expect(ProgressLine(count: 5, noun: "jobs", fraction: nil, elapsed: .seconds(1)).bar == "5 jobs  5/s")
    }
}
