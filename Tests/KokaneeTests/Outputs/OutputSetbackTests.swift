import RdKafka
import Testing

@testable import Kokanee

@Suite struct OutputSetbackTests {
    @Test("what does not pass is tried again ever more rarely, and told of once a minute")
    func lasting() {
        let start = ContinuousClock.now
        var now = start
        var setback = OutputSetback()
        var pauses: [Duration] = []
        var told: [Duration] = []
        while now - start < .seconds(150) {
            let (pause, isNews) = setback.note(.transactionalIDAuthorizationFailed, now: now)
            pauses.append(pause)
            if isNews { told.append(now - start) }
            now += pause
        }
        #expect(pauses.prefix(7).map(\.milliseconds) == [200, 400, 800, 1600, 3200, 6400, 10_000])
        #expect(pauses.dropFirst(7).allSatisfy { $0 == .seconds(10) })
        #expect(told.count == 3 && zip(told, told.dropFirst()).allSatisfy { $1 - $0 >= .seconds(60) })
    }

    @Test("another error is told of at once")
    func another() {
        let now = ContinuousClock.now
        var setback = OutputSetback()
        let codes: [KafkaError.Code] = [.localTimedOut, .localTimedOut, .notCoordinator, .localTimedOut]
        let news = codes.map { setback.note($0, now: now).isNews }
        #expect(news == [true, false, true, true])
    }
}
