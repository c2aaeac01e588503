internal import CBaseline
internal import Glibc
internal import Kokanee
internal import RdKafka

/// Parts that let the shell's own tools do the work.
extension BenchPart {
    /// `processes=` of `command=`, each fed by `cat` with its share of a file of request lines, as a worker writes them.
    ///
    /// From the end of the first twentieth of the answers to the last, so that no interpreter's start counts.
    static func linesBare(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let count = try input.integer("processes")
        let command = try input.text("command")
        let perProcess = jobs / count
        let files = try (0..<count).map { try unnamedFile(requestLines(perProcess, from: $0 * perProcess)) }
        return try await OSThread.run(name: "bench:lines") {
            // The shell's cat, between the file and the process, is what is asked for.
            let children = try files.map { try ChildProcess("/bin/sh", ["-c", "cat | \(command)"], standardInput: $0) }
            let all = perProcess * count
            var lines = 0
            var warm: (time: Int64, lines: Int)?
            var end: Int64 = 0
            var polled = children.map { pollfd(fd: $0.output, events: Int16(POLLIN), revents: 0) }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while polled.contains(where: { $0.fd >= 0 }) {
                guard poll(&polled, nfds_t(polled.count), 60_000) > 0 else {
                    throw BenchError("no answer for a minute")
                }
                for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
                    let got = read(polled[index].fd, &chunk, chunk.count)
                    if got <= 0 {
                        polled[index].fd = -1
                    } else {
                        lines += chunk[..<got].count { $0 == UInt8(ascii: "\n") }
                    }
                }
                end = cbaseline_now_ns()
                if warm == nil, lines >= all / 20 { warm = (end, lines) }
            }
            for child in children where child.wait() != 0 { throw BenchError("\(command) failed") }
            guard let warm, lines == all else { throw BenchError("\(lines) answers to \(all) requests") }
            return Metrics(["rate": Double(all - warm.lines) * 1e9 / Double(max(1, end - warm.time))])
        }
    }

    /// `jobs=` runs of `command=` by `/bin/sh -c`, as a worker's, `processes=` at the same time, by xargs.
    static func xargs(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let words = ["xargs", "-P", try input.text("processes"), "-n", "1", "/bin/sh", "-c", try input.text("command")]
        let lines = Array((0..<jobs).map { "\($0)\n" }.joined().utf8)
        // Some thousands fit in the pipe at once: when this process is killed, xargs goes on for seconds.
        let feed = try ChildProcess.pipe()
        return try await OSThread.run(name: "bench:xargs") {
            let start = cbaseline_now_ns()
            let child = try ChildProcess("/usr/bin/env", words, standardInput: feed.reader)
            close(feed.reader)
            ChildProcess.write(lines, to: feed.writer)
            close(feed.writer)
            let status = child.wait()
            guard status == 0 else { throw BenchError("xargs failed (status \(status))") }
            return Metrics(["rate": Double(jobs) * 1e9 / Double(max(1, cbaseline_now_ns() - start))])
        }
    }

    private static func requestLines(_ count: Int, from first: Int) -> [UInt8] {
        let payloads = Payload.json.all
        var lines: [UInt8] = []
        for number in first..<first + count {
            var object = JSONObjectWriter(reservingCapacity: 512)
            object.add("id", "0193a5c4-7d2e-7000-8000-0000" + hexadecimal(UInt32(number)))
            object.add("type", jobType)
            object.add("version", 1)
            object.add("attempt", 1)
            object.add("key", "k" + hexadecimal(UInt32(number)))
            object.add("source", "bench/\(number % 64)/\(number / 64)")
            let payload = payloads[number % payloads.count]
            object.add("data", json: payload.span.bytes)
            lines += object.finish() + [UInt8(ascii: "\n")]
        }
        return lines
    }

    /// A file that nobody else can see and that is gone with its last descriptor, read from its start.
    private static func unnamedFile(_ bytes: [UInt8]) throws -> Int32 {
        var path = Array("/tmp/kokanee-bench-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else { throw BenchError("no file to be had in /tmp: \(String(cString: strerror(errno)))") }
        unlink(path)
        guard ChildProcess.write(bytes, to: file), lseek(file, 0, SEEK_SET) == 0 else {
            throw BenchError("can't write to /tmp: \(String(cString: strerror(errno)))")
        }
        return file
    }
}
