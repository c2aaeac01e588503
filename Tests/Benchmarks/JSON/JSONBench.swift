import Foundation
import Kokanee
import RdKafka

/// `kokanee-json-bench [SECONDS]`: nanoseconds of a processor's time that a decoding and an encoding take by Foundation
/// and by `JSONCodec`, in alternation: the median of five runs of SECONDS each, 0.2 unless given.
@main
enum JSONBench {
    private static let rounds = 5
    private static let codec: any PayloadCodec = .json

    static func main() throws {
        let arguments = CommandLine.arguments
        let seconds = arguments.count > 1 ? Double(arguments[1]) ?? 0.2 : 0.2
        print("                                    Foundation     JSONCodec   ratio")
        let order = Bytes(Samples.order)
        try measureDecoding("order", Order.self, order, seconds)
        try measureDecoding("flat", Flat.self, Bytes(Samples.flat), seconds)
        try measureDecoding("batch", [Order].self, Bytes(Samples.batch), seconds)
        try measureDecoding("numbers", [Double].self, Bytes(Samples.numbers), seconds)
        try measureDecoding("not fitting", Flat.self, order, seconds)
        try measureEncoding("order", Order.self, order, seconds)
        try measureEncoding("flat", Flat.self, Bytes(Samples.flat), seconds)
        try measureEncoding("batch", [Order].self, Bytes(Samples.batch), seconds)
    }

    private static func measureDecoding<Value: Decodable>(
        _ name: String,
        _ type: Value.Type,
        _ payload: Bytes,
        _ seconds: Double
    ) throws {
        let decoder = JSONDecoder()
        try compare(
            "decode \(name)",
            payload.count,
            seconds,
            {
                payload.withUnsafeBytes { bytes in
                    let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
                    let data = Data(bytesNoCopy: start, count: bytes.count, deallocator: .none)
                    keep(try? decoder.decode(type, from: data))
                }
            },
            { keep(try? codec.decode(type, from: payload)) }
        )
    }

    private static func measureEncoding<Value: Codable>(
        _ name: String,
        _ type: Value.Type,
        _ payload: Bytes,
        _ seconds: Double
    ) throws {
        let value = try codec.decode(type, from: payload)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try compare(
            "encode \(name)",
            payload.count,
            seconds,
            { keep(try Array(encoder.encode(value))) },
            { keep(try codec.encode(value)) }
        )
    }

    private static func compare(
        _ name: String,
        _ bytes: Int,
        _ seconds: Double,
        _ foundation: () throws -> Void,
        _ ours: () throws -> Void
    ) throws {
        var times: ([Double], [Double]) = ([], [])
        for _ in 0..<rounds {
            times.0.append(try nanoseconds(seconds, foundation))
            times.1.append(try nanoseconds(seconds, ours))
        }
        let (left, right) = (times.0.sorted()[rounds / 2], times.1.sorted()[rounds / 2])
        let label = "\(name), \(bytes) bytes".padding(toLength: 32, withPad: " ", startingAt: 0)
        print(label + String(format: "%11.0f ns %10.0f ns %6.1fx", left, right, left / right))
    }

    /// What one call takes, over as many as fit the time.
    private static func nanoseconds(_ seconds: Double, _ body: () throws -> Void) throws -> Double {
        let start = processorTime()
        var count = 0
        while true {
            for _ in 0..<100 { try body() }
            count += 100
            let time = processorTime() - start
            if time >= seconds * 1e9 { return time / Double(count) }
        }
    }

    /// Of this thread: what others do at the same time counts less so.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    /// Nothing: keeps the optimiser from dropping what nobody uses.
    @inline(never) private static func keep<Value>(_ value: Value) {}
}
