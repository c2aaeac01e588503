internal import Glibc
internal import Kokanee
internal import RdKafka

/// One thing that is measured, in a process of its own: `kokanee bench-part NAME KEY=VALUE…`.
///
/// Client properties come on standard input, a line each and an empty one behind them. The result is a line of JSON on
/// standard output. When standard input ends, so does the process, at once.
package enum BenchPart {
    /// The hidden command's name.
    package static let command = "bench-part"

    private static let parts: [String: @Sendable (PartInput) async throws -> Metrics] = [
        "broker": runBroker,
        "topics-create": createTopics,
        "topics-delete": deleteTopics,
        "produce": produceBare,
        "consume": consumeBare,
        "join": joinBare,
        "latency-bare": latencyBare,
        "spin": spinBare,
        "spin-calibrate": calibrateSpin,
        "enqueue": enqueue,
        "enqueue-delayed": enqueueDelayed,
        "start-delayed": startDelayed,
        "wait-delayed": waitWithDelayed,
        "work": work,
        "replay": replay,
        "marks": fillMarks,
        "restore": restoreState,
        "own-marks": ownMarks,
        "latency": latency,
        "decode": decode,
        "sleep": sleepBare,
        "lines-bare": linesBare,
        "xargs": xargs,
    ]

    /// Runs a part and ends the process.
    ///
    /// - Parameter words: the command line behind the hidden command's name.
    package static func main(_ words: [String]) async -> Never {
        do {
            guard let name = words.first, let part = parts[name] else {
                throw BenchError("\(command) is for `kokanee bench` alone; its parts: \(parts.keys.sorted())")
            }
            let input = try await OSThread.run(name: "bench:input") {
                try PartInput(words: words.dropFirst(), properties: PartInput.readProperties())
            }
            if name != "broker" { PartInput.endWithStandardInput() }
            let metrics = try await part(input)
            ChildProcess.write(metrics.line, to: STDOUT_FILENO)
            // Not exit: threads of librdkafka's may still be ending, and nothing is left to be written.
            _exit(0)
        } catch {
            ChildProcess.write(Array("kokanee bench: \(words.first ?? ""): \(error)\n".utf8), to: STDERR_FILENO)
            _exit(1)
        }
    }
}

/// What a part was told.
struct PartInput: Sendable {
    let parameters: [String: String]
    let properties: [String: String]

    init(words: some Sequence<String>, properties: [String: String]) throws {
        var parameters: [String: String] = [:]
        for word in words {
            guard let (name, value) = Self.pair(word) else { throw BenchError("KEY=VALUE, not \(word)") }
            parameters[name] = value
        }
        self.parameters = parameters
        self.properties = properties
    }

    var client: ClientConfiguration {
        ClientConfiguration(bootstrapServers: properties["bootstrap.servers"] ?? "", properties: properties)
    }

    /// The same for consumers, with `fetch.wait.max.ms=` as the part was told.
    var consumer: ClientConfiguration {
        var client = client
        if let wait = parameters["fetch-wait"] { client.properties["fetch.wait.max.ms"] = wait }
        return client
    }

    func text(_ name: String) throws -> String {
        guard let text = parameters[name] else { throw BenchError("\(name)= is missing") }
        return text
    }

    func integer(_ name: String, default standard: Int? = nil) throws -> Int {
        if parameters[name] == nil, let standard { return standard }
        guard let value = Int(try text(name)) else { throw BenchError("\(name) is a whole number") }
        return value
    }

    func queue() throws -> Queue {
        let ladder = try parameters["ladder"].map { try Ladder(text: $0) } ?? .standard
        return try Queue(try text("queue"), ladder: ladder, group: parameters["group"])
    }

    func keys(count: Int) throws -> [UInt32] {
        guard let sequence = KeySequence(text: try text("keys")) else { throw BenchError("no such keys") }
        return sequence.keys(count: count)
    }

    private static func pair(_ text: some StringProtocol) -> (String, String)? {
        guard let sign = text.firstIndex(of: "=") else { return nil }
        return (String(text[..<sign]), String(text[text.index(after: sign)...]))
    }

    // MARK: - Standard input

    static func readProperties() throws -> [String: String] {
        var properties: [String: String] = [:]
        while let line = readLine(), !line.isEmpty {
            if let (name, value) = pair(line) { properties[name] = value }
        }
        return properties
    }

    /// The next line; nil at the end. Bytes are read one by one, so that none is held back in a buffer.
    static func readLine() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return nil }
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }

    static func endWithStandardInput() {
        OSThread.start(name: "bench:input") {
            while readLine() != nil {}
            _exit(1)
        }
    }
}
