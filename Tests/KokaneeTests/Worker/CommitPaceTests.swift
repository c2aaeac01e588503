import Testing

@testable import Kokanee

@Suite("How often, and how much, is committed")
struct CommitPaceTests {
    @Test("a slow coordinator is asked less often, up to a bound, and as often as before once it is fast again")
    func pause() {
        var pace = CommitPace(interval: .seconds(1))
        #expect(pace.pause == .seconds(1))
        pace.note(roundTrip: .milliseconds(20))
        #expect(pace.pause == .seconds(1))
        pace.note(roundTrip: .milliseconds(300))
        #expect(pace.pause == .seconds(3))
        pace.note(roundTrip: .seconds(8))
        #expect(pace.pause == .seconds(10))
        for _ in 0..<10 { pace.note(roundTrip: .milliseconds(1)) }
        #expect(pace.pause == .seconds(1))
    }

    @Test("many bytes of marks stretch the pause, up to the same bound, and few don't")
    func marks() {
        var pace = CommitPace(interval: .seconds(1))
        pace.note(markBytes: 1 << 20)
        #expect(pace.pause == .seconds(1))
        pace.note(markBytes: 20 << 20)
        #expect(pace.pause == .seconds(5))
        pace.note(markBytes: 1 << 30)
        #expect(pace.pause == .seconds(10))
        pace.note(markBytes: 0)
        #expect(pace.pause == .seconds(1))
    }

    @Test("one request has a megabyte of metadata at most, and a few partitions as much as brokers take of one")
    func metadata() {
        #expect(CommitPace.metadataLimit(partitions: 1) >= 4096 && CommitPace.metadataLimit(partitions: 256) >= 4096)
        for partitions in [1000, 4000] {
            #expect(CommitPace.metadataLimit(partitions: partitions) * partitions <= 1 << 20)
        }
        #expect(CommitPace.metadataLimit(partitions: 100_000) >= 128)
    }
}
