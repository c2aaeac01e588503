import Foundation
import Kokanee
import RdKafka
import Testing

@testable import kokanee

@Suite struct ConnectionTests {
    static func file(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appending(path: "kokanee-\(UUID().uuidString).properties")
        try Data(text.utf8).write(to: url)
        return url.path()
    }

    static func connection(_ words: [String], file: String? = nil, environment: String? = nil) throws -> Connection {
        var words = words
        let path = try file.map(Self.file)
        defer { path.map { try? FileManager.default.removeItem(atPath: $0) } }
        if let path { words += ["-F", path] }
        let scan = try OptionScanner.scan(words, options: Program.globals, stopsAtPositional: false)
        var values = OptionValues()
        for case .option(let long, let value) in scan.tokens {
            guard let option = Program.globals.first(where: { $0.long == long }) else { continue }
            try values.add(value, to: option)
        }
        return try Connection(
            values: values,
            environment: environment.map { [Connection.environmentVariable: $0] } ?? [:]
        )
    }

    @Test("the last word wins: -X over -b over -F over the environment over the default")
    func precedence() throws {
        let file = "bootstrap.servers=file:1"
        #expect(try Self.connection([]).bootstrapServers == "localhost:9092")
        #expect(try Self.connection([], environment: "env:1").bootstrapServers == "env:1")
        #expect(try Self.connection([], file: file, environment: "env:1").bootstrapServers == "file:1")
        #expect(try Self.connection(["-b", "b:1"], file: file, environment: "env:1").bootstrapServers == "b:1")
        let all = ["-X", "bootstrap.servers=x:1", "-b", "b:1"]
        #expect(try Self.connection(all, file: file, environment: "env:1").bootstrapServers == "x:1")
        #expect(try Self.connection(["-X", "metadata.broker.list=x:2", "-b", "b:1"]).bootstrapServers == "x:2")
        let linger = try Self.connection(["-X", "linger.ms=7"], file: "linger.ms=3").configuration.properties
        #expect(linger["linger.ms"] == "7")
        let last = try Self.connection(["-X", "linger.ms=7", "-X", "linger.ms=8"]).configuration.properties
        #expect(last["linger.ms"] == "8")
    }

    @Test(
        "two names of one property are one, and the last word wins",
        arguments: [
            ("sasl.mechanism", "sasl.mechanisms", "PLAIN", "SCRAM-SHA-256"),
            ("linger.ms", "queue.buffering.max.ms", "3", "7"), ("acks", "request.required.acks", "1", "-1"),
            ("message.timeout.ms", "delivery.timeout.ms", "1000", "2000"),
            ("retries", "message.send.max.retries", "3", "7"),
            ("compression.type", "compression.codec", "lz4", "gzip"),
            ("fetch.message.max.bytes", "max.partition.fetch.bytes", "1000", "2000"),
            ("max.in.flight.requests.per.connection", "max.in.flight", "1", "2"),
        ]
    )
    func aliases(name: String, alias: String, first: String, last: String) throws {
        for (inFile, given) in [(name, alias), (alias, name)] {
            let connection = try Self.connection(["-X", "\(given)=\(last)"], file: "\(inFile)=\(first)")
            let properties = connection.configuration.properties
            #expect(properties[name] == last && properties[alias] == nil)
        }
    }

    @Test("a property file may have comments, blank lines, white space, CRLF and = in values")
    func propertyFile() throws {
        let text = "\u{FEFF}# comment\r\n! another\r\n\r\n  client.id = a=b \r\nlinger.ms=5"
        let entries = try PropertyFile(text: text, path: "f").entries
        #expect(
            entries == [
                .init(name: "client.id", value: "a=b", line: 4), .init(name: "linger.ms", value: "5", line: 5),
            ]
        )
    }

    @Test("an address has a port that there can be, or none, which is 9092")
    func ports() throws {
        for servers in ["h", "h:1", "a:9092,b:65535", "[::1]:9092", "[::1]", "::1", "ssl://h:9093/", "a:1, b:2"] {
            #expect(try Self.connection(["-b", servers]).bootstrapServers == servers)
        }
        for (servers, wrong) in [
            ("h:99999", "h:99999"), ("h:0", "h:0"), ("a:9092,b:x", "b:x"), ("h:", "h:"), ("[::1]:-1", "[::1]:-1"),
            ("ssl://h:70000", "ssl://h:70000"),
        ] {
            #expect(throws: UsageError.self) { try Self.connection(["-b", servers]) }
            let words = ["-X", "metadata.broker.list=\(servers)"]
            let error = #expect(throws: Failure.self) { try Self.connection(words) }
            #expect(error?.message == "bootstrap.servers: \(wrong) has no port of 1 to 65535; HOST:PORT,… is wanted")
            #expect(error?.code == .input)
            #expect(throws: Never.self) { try Self.connection(["-b", "h:1"], environment: servers) }
        }
    }

    @Test(
        "a wrong property is told with where it came from",
        arguments: [
            ("a\n\nfoo", "line 1: expected key=value"), ("linger.ms=1\n=x", "line 2: expected key=value"),
            ("lingr.ms=1", "line 1: unknown property lingr.ms (did you mean linger.ms?)"),
            ("linger.ms=1\nlinger.ms=x", "line 2: "), ("security.protocol=nope", "line 1: "),
        ]
    )
    func wrongProperty(text: String, expected: String) {
        let error = #expect(throws: Failure.self) { try Self.connection([], file: text) }
        #expect(error?.code == .input)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
    }

    @Test("a wrong -X is named, and one without = is wrong use")
    func wrongFlag() {
        let error = #expect(throws: Failure.self) { try Self.connection(["-X", "foo.bar=1"]) }
        #expect(error?.message == "-X foo.bar: unknown property foo.bar")
        let alias = #expect(throws: Failure.self) { try Self.connection(["-X", "queue.buffering.max.ms=x"]) }
        #expect(alias?.message.hasPrefix("-X queue.buffering.max.ms: ") == true)
        #expect(throws: UsageError.self) { try Self.connection(["-X", "foo"]) }
        #expect(throws: UsageError.self) { try Self.connection(["-b", ""]) }
    }

    @Test("it is known whether -b, -F or -X say where the brokers are")
    func namedServers() throws {
        #expect(try !Self.connection([]).namesServers)
        #expect(try !Self.connection(["-X", "linger.ms=7"], file: "client.id=a").namesServers)
        #expect(try Self.connection(["-b", "b:1"]).namesServers)
        #expect(try Self.connection([], file: "bootstrap.servers=file:1").namesServers)
        #expect(try Self.connection(["-X", "metadata.broker.list=x:2"]).namesServers)
    }

    @Test("properties of Java clients are ignored with a word of advice")
    func javaProperties() throws {
        let text = "key.deserializer=x\nsasl.jaas.config=secret words\nsecurity.protocol=PLAINTEXT"
        let connection = try Self.connection([], file: text)
        #expect(connection.warnings.count == 2)
        #expect(connection.warnings[1].contains("line 2: sasl.jaas.config"))
        #expect(!connection.warnings[1].contains("secret words"))
        #expect(connection.configuration.properties["security.protocol"] == "PLAINTEXT")
    }

    @Test("a file that is not there is wrong input")
    func missingFile() {
        let error = #expect(throws: Failure.self) { try Self.connection(["-F", "/nonexistent/x"]) }
        #expect(error?.code == .input)
        #expect(error?.message == "can't read /nonexistent/x: No such file or directory")
    }

    @Test("every error has its exit code")
    func exitCodes() {
        func code(_ error: any Error) -> ExitCode {
            ExitCode.outcome(of: error, bootstrapServers: "h:1").code
        }
        #expect(code(UsageError("x")) == .usage)
        #expect(code(Failure("x")) == .failure)
        #expect(code(InputError("x")) == .input)
        #expect(code(TextSink.ReaderGone()) == .success)
        #expect(code(CancellationError()) == .interrupted)
        #expect(code(KafkaError(code: .localTransport, operation: "x")) == .unavailable)
        #expect(code(KafkaError(code: .localAllBrokersDown, operation: "x")) == .unavailable)
        #expect(code(KafkaError(code: .unknownTopicOrPartition, operation: "x")) == .failure)
        let lost = ExitCode.outcome(of: KafkaError(code: .localResolve, operation: "x"), bootstrapServers: "h:1")
        #expect(lost.message?.hasPrefix("no broker answers at h:1; is it running? -b sets the address") == true)
    }

    @Test(
        "a failed authentication, or TLS, is 69 and told as that, with the properties to look at",
        arguments: [
            (KafkaError.Code.localAuthentication, "no broker at h:1 authenticates this client", "sasl.*"),
            (KafkaError.Code.localSSL, "no TLS connection to h:1", "ssl.*"),
        ]
    )
    func refused(code: KafkaError.Code, trouble: String, properties: String) {
        let error = KafkaError(code: code, operation: "reaching a broker", message: "no such user")
        let outcome = ExitCode.outcome(of: error, bootstrapServers: "h:1")
        #expect(outcome.code == .unavailable)
        let lines = outcome.message?.split(separator: "\n") ?? []
        #expect(lines.count == 2 && lines[0].hasPrefix(trouble) && lines[0].contains(properties), "\(lines)")
        #expect(lines.last?.hasPrefix("reaching a broker: no such user") == true, "\(lines)")
    }

    @Test("properties may come through a pipe, as the shell's <(…) makes one")
    func pipedProperties() throws {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data("sasl.password=secret\n".utf8))
        try pipe.fileHandleForWriting.close()
        let file = try PropertyFile(path: "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
        #expect(file.entries.map(\.value) == ["secret"])
        let missing = #expect(throws: Failure.self) { try PropertyFile(path: "/nonexistent/file") }
        #expect(missing?.message == "can't read /nonexistent/file: No such file or directory")
    }
}
