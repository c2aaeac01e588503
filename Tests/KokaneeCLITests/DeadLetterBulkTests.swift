import Foundation
import Kokanee
import RdKafka
import Testing

@testable import kokanee

@Suite("kokanee dlq in bulk", .timeLimit(.minutes(1)))
struct DeadLetterBulkTests {
    private static func bury(_ ids: [String], _ servers: String) async throws {
        try await DeadLetterCommandTests.bury(ids, servers)
    }

    private static func run(_ servers: String, _ words: String...) async -> ProgramTests.Run {
        await ProgramTests.run(["dlq"] + words, servers: servers)
    }

    private static func scratch() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    @Test("retry says what it would do, by type, error and partition, and how long that takes")
    func plan() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury((0..<30).map { "job\($0)" }, servers)
            let one = await Self.run(servers, "discard", "orders", "job3", "--execute", "--by", "ann")
            #expect(one.code == .success)
            let plan = await Self.run(servers, "retry", "orders", "--all", "--rate", "10/m")
            #expect(plan.code == .success, "\(plan.error.text)")
            let text = plan.output.text
            for part in [
                "type       letters  open\nmail.send       30    29\n",
                "error    letters  open\nTimeout       30    29\n",
                "partition  letters  open\n0               30    29\n", "… and 9 that died before\n",
                "died from 1970-01-01T00:00:02.000Z to 1970-01-01T00:00:02.029Z\n",
                "bytes to send, in about 2m54s at 10/m\n",
                "would retry 29 dead letters of orders\n",
            ] {
                #expect(text.contains(part), "\(text)")
            }
            #expect(plan.error.text.contains("--execute does it"))
            let json = await Self.run(servers, "retry", "orders", "--all", "--rate", "10/m", "--json")
            let line = json.output.text.replacing(#/"bytes":\d+/#, with: "\"bytes\":N")
            #expect(
                line == """
                    {"action":"retry","executed":false,"letters":29,"refused":[],"settledBefore":[],"unknown":[],\
                    "matching":30,"bytes":N,"oldest":2000,"newest":2029,\
                    "types":[{"type":"mail.send","letters":30,"open":29}],\
                    "errors":[{"error":"Timeout","letters":30,"open":29}],\
                    "partitions":[{"partition":0,"letters":30,"open":29}],"seconds":174.0,"to":"orders"}

                    """
            )
            let until = await Self.run(
                servers,
                "retry",
                "orders",
                "--all",
                "--until",
                "1970-01-01T00:00:02.005Z",
                "--json"
            )
            #expect(until.output.text.contains(#""letters":4,"#), "\(until.output.text)")
        }
    }

    @Test("who decided, when and why is listed and shown")
    func verdict() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a"], servers)
            let words = ["retry", "orders", "a", "--by", "ann", "--reason", "bank is back", "--execute"]
            #expect(await ProgramTests.run(["dlq"] + words, servers: servers).code == .success)
            let list = await Self.run(servers, "list", "orders", "--json")
            #expect(list.output.text.hasSuffix(#""verdictBy":"ann","verdictReason":"bank is back"}"# + "\n"))
            let show = await Self.run(servers, "show", "orders", "a")
            #expect(show.output.text.contains(#/verdict +retried 20.*Z by ann, to orders/0: bank is back\n/#))
            let json = await Self.run(servers, "show", "orders", "a", "--json")
            #expect(json.output.text.contains(#""verdictBy":"ann""#))
            #expect(json.output.text.components(separatedBy: "verdictAt").count == 2)
        }
    }

    @Test("exported, edited and imported letters go back once; the file again is nothing to do")
    func roundTrip() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a", "b", "c"], servers)
            let export = await Self.run(servers, "export", "orders")
            #expect(export.code == .success)
            #expect(export.error.lines == ["exported 3 dead letters of orders"])
            let edited = export.output.text.replacing(
                #""id":"b","type":"mail.send""#,
                with: #""id":"b","type":"mail.2""#
            )
            let file = try ProgramTests.file(edited)
            let dry = await Self.run(servers, "import", "orders", "--file", file, "--rate", "1/s")
            #expect(dry.code == .success)
            #expect(
                dry.output.lines == [
                    "would send 3 jobs back to orders: 2 as they were, 1 edited", "it would take about 3 s at 1/s",
                ]
            )
            #expect(dry.error.lines == ["nothing is done yet: --execute does it"])
            let done = await Self.run(servers, "import", "orders", "--file", file, "--execute", "--reason", "mended")
            #expect(done.code == .success, "\(done.error.text)")
            #expect(done.output.lines == ["sent 3 jobs back to orders: 2 as they were, 1 edited"])
            let again = await Self.run(servers, "import", "orders", "--file", file, "--execute")
            #expect(again.code == .success)
            #expect(
                again.error.lines == [
                    "lines 1 to 3: its letter has the verdict retried already",
                    "nothing to do: all 3 dead letters have their verdicts already",
                ]
            )
            let json = await Self.run(servers, "import", "orders", "--file", file, "--execute", "--json")
            #expect(
                json.output.text == """
                    {"action":"import","executed":true,"letters":0,"same":0,"edited":0,"rekeyed":0,\
                    "settledBefore":3,"refused":0}

                    """
            )
            #expect(await Self.run(servers, "export", "orders").output.text.isEmpty)
            let settled = await Self.run(servers, "export", "orders", "--settled")
            #expect(settled.output.lines.count == 3)
            #expect(settled.output.lines.allSatisfy { $0.contains(#""verdict":"retried""#) })
        }
    }

    @Test("wrong lines are named, exit 65, and end it unless it keeps going")
    func wrongLines() async throws {
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a", "b"], servers)
            let lines = await Self.run(servers, "export", "orders").output.lines
            let file = try ProgramTests.file("\(lines[0])\n\nnonsense\n\(lines[1])\n")
            let dry = await Self.run(servers, "import", "orders", "--file", file)
            #expect(dry.code == .input)
            let words = ["dlq", "import", "orders", "--file", file]
            let unread = await ProgramTests.run(words, servers: servers, isRead: false)
            #expect(unread.code == .input, "whoever reads it")
            #expect(dry.output.lines == ["would send 2 jobs back to orders: 2 as they were, 0 edited; 1 line refused"])
            let ended = await Self.run(servers, "import", "orders", "--file", file, "--execute")
            #expect(ended.code == .input)
            #expect(
                ended.error.lines == [
                    "line 3: not JSON: expected '{' at byte 0, found 'n'",
                    "kokanee: 1 line is wrong; nothing after it was sent",
                ]
            )
            #expect(ended.output.lines == ["sent 1 job back to orders: 1 as they were, 0 edited; 1 line refused"])
            let rest = await Self.run(servers, "import", "orders", "--file", file, "--execute", "--keep-going")
            #expect(rest.code == .input)
            #expect(rest.output.lines.first?.hasPrefix("sent 1 job back to orders: 1 as they were, 0 edited; ") == true)
            let empty = await Self.run(servers, "import", "orders", "--file", try ProgramTests.file(""), "--execute")
            #expect(empty.code == .success)
            #expect(empty.error.lines == ["nothing to do: there are no lines"])
        }
    }

    @Test("an export is a whole file, in the place of the one before, or none")
    func file() async throws {
        let folder = try Self.scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "letters.ndjson").path()
        try Data("before".utf8).write(to: URL(filePath: path))
        try await ProgramTests.withBroker { servers in
            try await Self.bury(["a", "b"], servers)
            let run = await Self.run(servers, "export", "orders", "--output", path)
            #expect(run.code == .success)
            #expect(run.output.text.isEmpty)
            #expect(try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count == 2)
            let failed = await Self.run(servers, "export", "nowhere", "--output", path)
            #expect(failed.code == .failure)
            #expect(try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count == 2)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path()) == ["letters.ndjson"])
            let away = await Self.run(servers, "export", "orders", "--output", folder.appending(path: "x/y").path())
            #expect(away.code == .failure)
            #expect(away.error.text.contains("can't write"))
        }
    }

    @Test("a file that is not finished leaves nothing; a link stays one; a device is written to")
    func partialFile() throws {
        let folder = try Self.scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let target = folder.appending(path: "target").path()
        let link = folder.appending(path: "link").path()
        try Data("old".utf8).write(to: URL(filePath: target))
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        do {
            let file = try WholeFile(path: link)
            try file.write(Array("new".utf8))
            file.discard()
            #expect(throws: CancellationError.self) { try file.finish() }
        }
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "old")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: target)
        let file = try WholeFile(path: link)
        try file.write(Array("new".utf8))
        try file.finish()
        file.discard()
        let mode = try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions] as? Int
        #expect(mode == 0o600, "who may not read the old one may read the new one")
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "new\n")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted() == ["link", "target"])
        let device = try WholeFile(path: "/dev/null")
        try device.write(Array("x".utf8))
        try device.finish()
        #expect(
            !(try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType == .typeRegular)
        )
    }

    @Test("a pipe whose reader has gone is a failure, for what was to be written is not there")
    func brokenPipe() throws {
        signal(SIGPIPE, SIG_IGN)
        let folder = try Self.scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "pipe").path()
        try #require(mkfifo(path, 0o600) == 0)
        // On Linux this is either end, and waits for nobody.
        let reader = open(path, O_RDWR | O_CLOEXEC)
        let file = try WholeFile(path: path)
        close(reader)
        try file.write(Array("a letter".utf8))
        let failure = #expect(throws: Failure.self) { try file.finish() }
        #expect(failure?.code == .failure && failure?.message.hasPrefix("can't write \(path): ") == true)
    }

    @Test("of a replay's letters the dry run says that they go into live work")
    func replay() async throws {
        let replay = "20261125-214400-k3f9"
        let queue = "orders.replay.\(replay)"
        try await ProgramTests.withBroker(partitions: 4) { servers in
            let none = await Self.run(servers, "list", queue)
            #expect(none.code == .failure)
            #expect(none.error.text.contains("there is no replay \(replay) of orders"))
            // The embedded broker makes topics when they are first named.
            let producer = try Producer(ClientConfiguration(bootstrapServers: servers))
            let headers = Envelope(id: "a", type: "t").newJobHeaders(source: "t", at: 1, contentType: nil)
            for topic in ["\(queue).state", "\(queue).dlq"] {
                _ = try await producer.send(
                    ProducerRecord(topic: topic, partition: 0, value: "{}", headers: headers)
                )
            }
            await producer.close()
            let words = "into live work, with the header kokanee-replay: \(replay)"
            let dry = await Self.run(servers, "retry", queue, "--all")
            #expect(dry.code == .success, "\(dry.error.text)")
            #expect(dry.output.text.contains("the jobs go to orders, \(words)\n"), "\(dry.output.text)")
            let file = try ProgramTests.file(await Self.run(servers, "export", queue).output.text)
            let imported = await Self.run(servers, "import", queue, "--file", file)
            #expect(imported.output.lines == ["would send 1 job back to orders, \(words): 1 as they were, 0 edited"])
            let done = await Self.run(servers, "retry", queue, "--all", "--execute")
            #expect(done.output.text == "retried 1 dead letter of \(queue)\n")
        }
    }
}
