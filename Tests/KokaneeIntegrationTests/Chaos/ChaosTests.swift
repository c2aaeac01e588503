import Foundation
import Testing

/// Workers that are killed, frozen, deployed and joined by others, on brokers that fail.
///
/// `make chaos` runs the long one, for `KOKANEE_CHAOS_MINUTES`, from `KOKANEE_CHAOS_SEED` on where that is set; the short
/// ones go by that seed, too. A seed that failed makes the same events and jobs again; what the machine makes of them is its
/// own.
@Suite(.alone)
struct ChaosTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seed = environment["KOKANEE_CHAOS_SEED"].flatMap { UInt64($0) }
    private static let minutes = environment["KOKANEE_CHAOS_MINUTES"].flatMap { Double($0) }

    @Test("workers that are killed, frozen and deployed on failing brokers lose no job", .enabled(if: minutes == nil))
    func embedded() async throws {
        let plan = ChaosPlan(seed: Self.seed ?? 32, profile: .embedded, events: 7, pauses: 300...1500)
        try await Self.round(plan, burst: 8)
    }

    @Test(
        "leaving, joining and restarts of a broker of its own lose no job",
        .enabled(if: minutes == nil && !Stand.isExternal)
    )
    func process() async throws {
        let plan = ChaosPlan(seed: Self.seed ?? 7, profile: .process, events: 2, pauses: 300...1500)
        try await Self.round(plan, burst: 8)
    }

    @Test(
        "workers that are killed, frozen and deployed lose no job on somebody else's Kafka",
        .enabled(if: minutes == nil && Stand.isExternal)
    )
    func external() async throws {
        let plan = ChaosPlan(seed: Self.seed ?? 1, profile: .external, events: 5)
        try await Self.round(plan, burst: 8)
    }

    @Test("for as long as it is given, chaos loses no job", .enabled(if: minutes != nil))
    func long() async throws {
        let profiles: [ChaosProfile] = Stand.isExternal ? [.external] : [.embedded, .embedded, .embedded, .process]
        let first = Self.seed ?? UInt64.random(in: 1...999_999)
        let end = ContinuousClock.now + .seconds((Self.minutes ?? 0) * 60)
        var total = ChaosFigures()
        var rounds: UInt64 = 0
        while ContinuousClock.now < end {
            let profile = profiles[Int(rounds) % profiles.count]
            let events = profile == .process ? 6 : 15
            let plan = ChaosPlan(seed: first + rounds, profile: profile, events: events, pauses: 1000...12_000)
            total.add(try await Self.round(plan, burst: 15))
            rounds += 1
        }
        print("chaos: \(rounds) rounds from seed \(first)\n\(total)")
    }

    @discardableResult
    private static func round(_ plan: ChaosPlan, burst: Int) async throws -> ChaosFigures {
        if minutes != nil { print(plan) }
        let (figures, violations) = try await ChaosRun.run(plan, burst: burst)
        print("chaos: seed \(plan.seed), \(plan.profile)\n\(figures)")
        if !violations.isEmpty {
            let most = violations.prefix(20).joined(separator: "\n") + "\n" + (violations.last ?? "")
            Issue.record("\(violations.count) violations\n\(most)\n\(plan)")
        }
        return figures
    }
}
