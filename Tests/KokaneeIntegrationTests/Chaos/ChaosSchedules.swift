import Foundation
import Kokanee
import RdKafka
import Synchronization
import TestSupport

/// The schedules of a chaos run, both of every second: one that makes up for all that it missed, and one that fires nothing
/// beside its last job.
final class ChaosSchedules: Sendable {
    private static let catchingUp = "catching-up"
    private static let skipping = "skipping"

    private let queue: Queue
    private let desk: ScheduleDesk
    /// The first tick that must be there, and the last.
    private let first: Int64
    private let last = Mutex<Int64?>(nil)

    init(_ stand: Stand) async throws {
        queue = try Queue(stand.queue, ladder: Ladder(text: ChaosJobs.ladder))
        desk = try ScheduleDesk(ClientConfiguration(bootstrapServers: stand.bootstrapServers))
        for (name, milliseconds) in [(Self.catchingUp, 5), (Self.skipping, 1200)] {
            var schedule = try Schedule(name, type: ChaosJobs.type, at: "@every 1s")
            schedule.payload = Array(#"{"ms":\#(milliseconds)}"#.utf8)
            schedule.contentType = "application/json"
            schedule.key = name
            schedule.misfire = .catchUp(1000)
            schedule.overlap = name == Self.skipping ? .skip : .allow
            _ = try await desk.put(schedule, queue: queue.name, by: "chaos")
        }
        first = Ledger.wallNow / 1000 + 1
    }

    /// Waits until something was fired after the last fault, and has no more fired.
    func end() async throws {
        let calm = Ledger.wallNow
        try await eventually("the schedules fire again after the last fault", within: .seconds(60)) {
            let tick = try await self.tick(of: Self.catchingUp)
            self.last.withLock { $0 = tick / 1000 }
            return tick > calm
        }
        for name in [Self.catchingUp, Self.skipping] {
            _ = try await desk.setPaused(true, name, queue: queue.name, by: "chaos")
        }
        try await eventually("the schedules rest") {
            let ticks = [try await self.tick(of: Self.catchingUp), try await self.tick(of: Self.skipping)]
            return (ticks.max() ?? 0) + 3000 < Ledger.wallNow
        }
    }

    /// The last tick that was dealt with, in milliseconds since the epoch.
    private func tick(of name: String) async throws -> Int64 {
        try await desk.entries(queue: queue).first { $0.record.schedule.name == name }?.state?.tick ?? 0
    }

    /// What the history has to know of them; nothing where the run ended before they did.
    var due: [ChaosHistory.Schedule] {
        guard let last = last.withLock({ $0 }), last >= first else { return [] }
        return [
            .init(name: Self.catchingUp, due: first...last),
            .init(name: Self.skipping, skips: true, due: first...last),
        ]
    }

    /// The firing that a record of the main topic is; nil where no schedule wrote it.
    ///
    /// - Parameter wallOffset: from nanoseconds since the epoch to the machine's monotonic time.
    static func tick(
        _ record: KafkaOracle.Record,
        at place: ChaosHistory.Place,
        wallOffset: Int64
    ) -> ChaosHistory.Tick? {
        guard let name = record.header("kokanee-schedule"), let id = record.header("ce_id"),
            let time = try? Timestamp.parse(String(id.dropFirst(name.count + 1)), now: 0)
        else { return nil }
        return .init(
            schedule: name,
            at: time / 1000,
            id: id,
            place: place,
            writtenAt: (record.timestamp ?? 0) * 1_000_000 + wallOffset
        )
    }
}
