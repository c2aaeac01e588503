import Kokanee
import Testing

@Suite struct RetryPolicyTests {
    private let ladder = Ladder.standard

    private func delays(_ policy: some RetryPolicy, randomness: UInt64 = 0) -> [String] {
        var result: [String] = []
        var attempt = 1
        while let delay = policy.delay(afterAttempt: attempt, ladder: ladder, randomness: randomness), attempt < 100 {
            result.append(delay.text)
            attempt += 1
        }
        #expect(attempt == policy.maximumAttempts(ladder: ladder))
        return result
    }

    @Test("the ladder's policy climbs each rung once, then gives up")
    func ladderByDefault() {
        #expect(delays(.ladder()) == ["1m", "5m", "15m", "1h", "6h"])
    }

    @Test("attempts beyond the rungs stay on the last, fewer stop earlier, and one is the least")
    func ladderAttempts() {
        #expect(delays(.ladder(attempts: 8)) == ["1m", "5m", "15m", "1h", "6h", "6h", "6h"])
        #expect(delays(.ladder(attempts: 2)) == ["1m"])
        #expect(delays(.ladder(attempts: 1)) == [])
        #expect(delays(.ladder(attempts: -7)) == [])
    }

    @Test("an exponential policy grows up to its maximum")
    func exponential() {
        let policy = ExponentialRetry.exponential(
            base: .seconds(1),
            factor: 3,
            maximum: .seconds(60),
            jitter: 0,
            attempts: 7
        )
        #expect(delays(policy) == ["1s", "3s", "9s", "27s", "1m", "1m"])
    }

    @Test("jitter only shortens, by its share at most, and comes from the given bits alone")
    func jitter() throws {
        let policy = ExponentialRetry.exponential(base: .seconds(100), factor: 1, jitter: 0.5, attempts: 2)
        let delay = { policy.delay(afterAttempt: 1, ladder: .standard, randomness: $0) }
        #expect(delay(0) == .seconds(100))
        #expect(delay(1 << 63) == .seconds(75))
        #expect(delay(.max) == .seconds(50))
        #expect(delay(12_345) == delay(12_345))
    }

    @Test("senseless settings give harmless waits")
    func senseless() throws {
        let policies: [ExponentialRetry] = [
            .exponential(base: .zero, factor: .infinity, maximum: .seconds(Int64.max), jitter: .nan, attempts: .max),
            .exponential(base: .seconds(-5), factor: .nan, maximum: .seconds(-1), jitter: -3, attempts: .max),
            .exponential(base: .seconds(Int64.max), factor: 1e308, maximum: .zero, jitter: 99, attempts: .max),
        ]
        for policy in policies {
            for attempt in [Int.min, 0, 1, 2, 1000, 1_000_000, Int.max - 1] {
                let delay = try #require(policy.delay(afterAttempt: attempt, ladder: ladder, randomness: .max))
                #expect(delay > .zero && delay <= .seconds(365 * 86_400))
            }
        }
        #expect(LadderRetry.ladder(attempts: .max).delay(afterAttempt: .min, ladder: ladder, randomness: 0) != nil)
    }

    @Test("never is one attempt")
    func never() {
        #expect(delays(.never) == [])
    }
}
