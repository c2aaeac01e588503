import Foundation

/// The records of finished jobs, one `write` each as in the other peers that are given a job at a time.
final class FinishedLog: Sendable {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_APPEND)
        guard descriptor >= 0 else { throw Failure("can't open \(path)") }
    }

    func append(_ order: Order, start: Double, end: Double) throws {
        let record = [UInt64(order.n), order.t.bitPattern, start.bitPattern, end.bitPattern].map(\.littleEndian)
        let written = record.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == 32 else { throw Failure("can't write the record of job \(order.n)") }
    }
}
