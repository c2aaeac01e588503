import Foundation
import Kokanee
import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import kokanee

/// A pipe whose writer is the test.
final class InputPipe: Sendable {
    private let reading: Int32
    private let writing: Mutex<Int32?>

    init() {
        var ends: [Int32] = [-1, -1]
        let status = Glibc.pipe(&ends)
        precondition(status == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reading = ends[0]
        writing = Mutex(ends[1])
    }

    deinit {
        Glibc.close(reading)
        close()
    }

    /// Opens the same pipe again.
    var path: String { "/dev/fd/\(reading)" }

    /// Each text with a write of its own. Blocks where the pipe is full.
    func write(_ texts: some Sequence<String>) {
        guard let writing = writing.withLock(\.self) else { return }
        for text in texts {
            let bytes = Array(text.utf8)
            let count = Glibc.write(writing, bytes, bytes.count)
            precondition(count == bytes.count)
        }
    }

    func write(_ text: String) { write([text]) }

    /// Ends the input.
    func close() {
        if let descriptor = writing.withLock({ $0.take() }) { Glibc.close(descriptor) }
    }

    /// What nobody has read yet.
    var unread: Int {
        var count: Int32 = 0
        let status = ioctl(reading, UInt(FIONREAD), &count)
        precondition(status == 0)
        return Int(count)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct LineFeedTests {
    typealias Feed = LineFeed<LineReader.Batch>

    static func texts(_ batch: LineReader.Batch?) -> [String]? {
        batch?.lines.map { "\($0.number):\(String(decoding: $0.bytes, as: UTF8.self))" }
    }

    @Test("many small writes are handed over as one part to who is busy meanwhile")
    func gathers() async throws {
        let pipe = InputPipe()
        let feed = Feed(try LineReader(path: pipe.path))
        pipe.write("first\n")
        #expect(Self.texts(try await feed.next()) == ["1:first"])
        let texts = (2...700).map { "line \($0)\n" }
        // The first so that each is read by itself, the rest as fast as it goes.
        for count in 1...5 {
            pipe.write(texts[count - 1])
            let size = texts[..<count].joined().utf8.count
            try await eventually("it is read") { feed.handOver.size == size }
        }
        pipe.write(texts[5...])
        try await eventually("all is read") { feed.handOver.size == texts.joined().utf8.count }
        let part = try await feed.next()
        #expect(Self.texts(part) == (2...700).map { "\($0):line \($0)" })
        #expect(part?.bytesRead == "first\n".utf8.count + texts.joined().utf8.count)
    }

    @Test("a lone line is handed over without further input, though the next has begun")
    func loneLine() async throws {
        let pipe = InputPipe()
        let feed = Feed(try LineReader(path: pipe.path))
        for number in 1...5 {
            pipe.write("a\nb")
            #expect(Self.texts(try await feed.next()) == [number == 1 ? "1:a" : "\(number):ba"])
        }
        pipe.close()
        #expect(Self.texts(try await feed.next()) == ["6:b"])
        #expect(try await feed.next() == nil)
    }

    @Test("nothing is read before it is asked for")
    func lazy() throws {
        let pipe = InputPipe()
        pipe.write("a\n")
        let feed = Feed(try LineReader(path: pipe.path))
        #expect(feed.handOver.size == 0)
        feed.stop()
        #expect(pipe.unread == 2)
    }

    @Test("the reading pauses at the limit, so that the writer has to wait, and goes on once that is taken")
    func backPressure() async throws {
        let pipe = InputPipe()
        let limit = 16_000
        let feed = Feed(try LineReader(path: pipe.path), limit: limit)
        let count = 40_000
        let written = Atomic(0)
        OSThread.start(name: "writer") {
            for number in 1...count {
                pipe.write("\(number)\n")
                written.store(number, ordering: .relaxed)
            }
            pipe.close()
        }
        var next = 1
        while let part = try await feed.next() {
            for line in part.lines {
                try #require(line.number == next && line.bytes == Array("\(next)".utf8))
                next += 1
            }
            let isLast = next > count - 30_000
            guard !isLast else { continue }
            try await eventually("the reading pauses") { feed.handOver.isGiverHeld }
            #expect(feed.handOver.size >= limit && feed.handOver.size <= limit + limit / 16)
            try await eventually("the pipe is left alone") { pipe.unread > 0 }
            #expect(written.load(ordering: .relaxed) < count)
        }
        #expect(next == count + 1)
    }

    @Test("a line that is longer than the limit comes whole, also behind one that nearly fills it")
    func longLine() async throws {
        let pipe = InputPipe()
        let feed = Feed(try LineReader(path: pipe.path), limit: 1000)
        let long = String(repeating: "x", count: 5000)
        pipe.write("a\n")
        #expect(Self.texts(try await feed.next()) == ["1:a"])
        pipe.write(String(repeating: "y", count: 998) + "\n")
        try await eventually("the line is read") { feed.handOver.size == 999 }
        pipe.write(long + "\nb\n")
        pipe.close()
        var lines: [String] = []
        while let part = try await feed.next() { lines += Self.texts(part) ?? [] }
        #expect(lines.count == 3 && lines[1] == "3:\(long)" && lines[2] == "4:b")
    }

    @Test("what was gathered before a line that is too long comes first, then the error, each time")
    func tooLong() async throws {
        let pipe = InputPipe()
        let feed = Feed(try LineReader(path: pipe.path, maximumLineLength: 1 << 20), limit: 100)
        OSThread.start(name: "writer") {
            pipe.write("a\n")
            pipe.write("b\n" + String(repeating: "x", count: (1 << 20) + 1) + "\n")
            pipe.close()
        }
        var lines: [String] = []
        let error = await #expect(throws: Failure.self) {
            while let part = try await feed.next() { lines += Self.texts(part) ?? [] }
        }
        #expect(lines == ["1:a", "2:b"])
        #expect(error?.message.hasSuffix("line 3: longer than 1 MiB") == true)
        let again = await #expect(throws: Failure.self) { _ = try await feed.next() }
        #expect(again?.code == .input)
    }

    @Test("a reader that waits for a silent pipe can be stopped")
    func stopWhileSilent() async throws {
        let pipe = InputPipe()
        let feed = Feed(try LineReader(path: pipe.path))
        pipe.write("a\n")
        #expect(Self.texts(try await feed.next()) == ["1:a"])
        async let last = feed.next()
        feed.stop()
        #expect(try await last == nil)
        #expect(try await feed.next() == nil)
        try await eventually("the thread ends") { feed.handOver.isFinished }
    }

    @Test("who lets go of a feed ends its thread, whether that waits for input or for room, and closes its input")
    func letGo() async throws {
        for isFull in [false, true] {
            let pipe = InputPipe()
            pipe.write("a\n")
            weak var reader: LineReader?
            do {
                let feed = Feed(try LineReader(path: pipe.path), limit: 100) { ($0, false) }
                reader = feed.reader
                #expect(Self.texts(try await feed.next()) == ["1:a"])
                if isFull {
                    pipe.write(String(repeating: "b\n", count: 100))
                    try await eventually("the reading pauses") { feed.handOver.isGiverHeld }
                }
            }
            try await eventually("the reader is gone") { reader == nil }
        }
    }
}

/// Jobs as `kokanee enqueue --file -` gathers them.
@Suite(.timeLimit(.minutes(1)))
struct BulkEnqueueInputTests {
    static let lines = (1...9).map { $0 == 4 || $0 == 7 ? "odd \($0)\n" : "{\"type\":\"t\",\"data\":\($0)}\n" }

    /// The chunks where the second is gathered from many small writes while the first is under way.
    static func chunks(keepsGoing: Bool, _ pipe: InputPipe) async throws -> LineFeed<BulkEnqueue.Chunk> {
        let feed = BulkEnqueue.chunks(of: try LineReader(path: pipe.path), .init(keepsGoing: keepsGoing))
        pipe.write(lines[0])
        let first = try #require(try await feed.next())
        #expect(first.lines == [1] && first.jobs.count == 1 && first.problems.isEmpty)
        for count in 2...lines.count {
            pipe.write(lines[count - 1])
            // Each is a read of its own.
            let size = lines[1..<count].joined().utf8.count
            try await eventually("it is read") { feed.handOver.size == size || feed.handOver.isFinished }
        }
        return feed
    }

    @Test("nothing behind the first bad line is parsed or sent, however the lines come, while the writer goes on")
    func firstBadLine() async throws {
        let pipe = InputPipe()
        let feed = try await Self.chunks(keepsGoing: false, pipe)
        try await eventually("the reading ends") { feed.handOver.isFinished }
        let chunk = try #require(try await feed.next())
        #expect(chunk.lines == [2, 3] && chunk.jobs.map(\.payload) == ["2", "3"])
        #expect(chunk.problems.map(\.line) == [4])
        #expect(try await feed.next() == nil)
    }

    @Test("bad lines that are skipped are named in their order, with the jobs around them, however the lines come")
    func keepsGoing() async throws {
        let pipe = InputPipe()
        let feed = try await Self.chunks(keepsGoing: true, pipe)
        pipe.close()
        try await eventually("all is read") { feed.handOver.isFinished }
        let chunk = try #require(try await feed.next())
        #expect(chunk.lines == [2, 3, 5, 6, 8, 9] && chunk.jobs.map(\.payload) == ["2", "3", "5", "6", "8", "9"])
        #expect(chunk.problems.map(\.line) == [4, 7])
        #expect(chunk.bytesRead == Self.lines.joined().utf8.count)
        #expect(try await feed.next() == nil)
    }

    @Test("a slow writer's line is enqueued before the next is written; a bad one ends it though the writer goes on")
    func slowWriter() async throws {
        try await ProgramTests.withBroker(partitions: 1) { servers in
            let pipe = InputPipe()
            let words = ["enqueue", "orders", "--file", pipe.path, "--json"]
            async let run = ProgramTests.run(words, servers: servers)
            for count in 1...3 {
                pipe.write(Self.lines[count - 1])
                try await Self.awaitJobs(Int64(count), servers)
            }
            pipe.write(Self.lines[3...])
            let ended = await run
            #expect(ended.code == .input)
            #expect(ended.output.text.hasPrefix(#"{"sent":3,"rejected":1,"#))
            #expect(ended.error.lines.first?.hasPrefix("line 4: ") == true, "\(ended.error.text)")
        }
    }

    @Test("an interruption ends it while the pipe is silent; what was sent is counted")
    func interrupted() async throws {
        try await ProgramTests.withBroker(partitions: 1) { servers in
            let pipe = InputPipe()
            let interruption = Interruption()
            let words = ["enqueue", "orders", "--file", pipe.path, "--json"]
            async let run = ProgramTests.run(words, servers: servers, interruption: interruption)
            pipe.write(Self.lines[0])
            try await Self.awaitJobs(1, servers)
            interruption.request()
            let ended = await run
            #expect(ended.code == .interrupted)
            #expect(ended.output.text.hasPrefix(#"{"sent":1,"rejected":0,"#))
            #expect(ended.error.text.hasPrefix("ending: "), "\(ended.error.text)")
        }
    }

    @Test("while no broker acknowledges, that is said; the jobs are sent all the same once one does")
    func silentBroker() async throws {
        let broker = try EmbeddedBroker(brokers: 1)
        let servers = broker.bootstrapServers
        try broker.createTopic("orders", partitions: 1, replicationFactor: 1)
        let pipe = InputPipe()
        let error = Recorder()
        let words = ["enqueue", "orders", "--file", pipe.path, "--json"]
        async let run = ProgramTests.run(words, servers: servers, error: error)
        pipe.write(Self.lines[0])
        try await Self.awaitJobs(1, servers)
        try broker.setRoundTripTime(.seconds(20))
        pipe.write(Self.lines[1])
        try await eventually("it is said") { error.text.hasPrefix("no broker has acknowledged the jobs for 5s; ") }
        try broker.setRoundTripTime(.zero)
        pipe.close()
        let ended = await run
        #expect(ended.code == .success && ended.output.text.hasPrefix(#"{"sent":2,"rejected":0,"#))
    }

    private static func awaitJobs(_ count: Int64, _ servers: String) async throws {
        let admin = try AdminClient(ClientConfiguration(bootstrapServers: servers))
        let partition = TopicPartition(topic: "orders", partition: 0)
        try await eventually("job \(count) is there") {
            try await admin.listOffsets([partition], .latest)[partition] == count
        }
    }
}
