internal import CBaseline
internal import Foundation
internal import Kokanee
internal import RdKafka
internal import Synchronization

/// Parts that do what a worker's handlers do, with no worker around it.
extension BenchPart {
    /// Decodes ``Order``s from memory on `threads=` bare threads, by Kokanee's codec or by Foundation alone.
    static func decode(_ input: PartInput) async throws -> Metrics {
        let jobs = try input.integer("jobs")
        let threads = max(1, try input.integer("threads"))
        let texts = Payload.json.all
        let payloads = texts.map { Bytes($0) }
        let data = texts.map { Data($0) }
        let decode: @Sendable (Int) throws -> Order
        switch try input.text("codec") {
        case "ours":
            let codec = JSONCodec.json
            decode = { try codec.decode(Order.self, from: payloads[$0 % payloads.count]) }
        case "foundation":
            // Made once, as one does who knows what it costs.
            let decoder = JSONDecoder()
            decode = { try decoder.decode(Order.self, from: data[$0 % data.count]) }
        default: throw BenchError("no such codec")
        }
        guard try decode(17).n == 17 else { throw BenchError("the codec decodes something else") }
        let next = WorkLoad.Shared(Atomic(0))
        let used = ProcessorTime.own
        let start = cbaseline_now_ns()
        try await withThrowingTaskGroup { group in
            for thread in 0..<threads {
                group.addTask {
                    try await OSThread.run(name: "bench:decode\(thread)") {
                        let step = 100
                        while case let first = next.value.add(step, ordering: .relaxed).oldValue, first < jobs {
                            for number in first..<min(jobs, first + step) where try decode(number).n < 0 {
                                throw BenchError("the codec decodes something else")
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let seconds = Double(cbaseline_now_ns() - start) / 1e9
        let processor = ProcessorTime.own - used
        return Metrics([
            "rate": Double(jobs) / seconds, "nanoseconds": seconds * 1e9 / Double(jobs),
            "processor": processor / Double(jobs),
        ])
    }

    /// How long Task.sleep for `microseconds=` takes, on average, inside so many bare tasks that do nothing else.
    static func sleepBare(_ input: PartInput) async throws -> Metrics {
        let tasks = try input.integer("concurrency")
        let duration = Duration.microseconds(try input.integer("microseconds"))
        let length = Int64(try input.integer("milliseconds")) * 1_000_000
        let used = ProcessorTime.own
        let start = cbaseline_now_ns()
        let total = try await withThrowingTaskGroup(of: (slept: Int64, times: Int64).self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var slept: Int64 = 0
                    var times: Int64 = 0
                    var before = cbaseline_now_ns()
                    while before - start < length || times == 0 {
                        try await Task.sleep(for: duration)
                        let after = cbaseline_now_ns()
                        slept += after - before
                        times += 1
                        before = after
                    }
                    return (slept, times)
                }
            }
            return try await group.reduce((slept: 0, times: 0)) { ($0.slept + $1.slept, $0.times + $1.times) }
        }
        let processor = ProcessorTime.own - used
        return Metrics([
            "seconds": Double(total.slept) / Double(total.times) / 1e9, "processor": processor / Double(total.times),
        ])
    }
}
