import RdKafka
import Testing

@testable import Kokanee

@Suite("Rewind")
struct RewindTests {
    private static let id = "20261125-214400-k3f9"
    private static let now: Int64 = 1_790_000_000_000

    private func rewind(state: Rewind.State = .standing, old: Int64? = 100) -> Rewind {
        Rewind(
            id: Self.id,
            queue: "q",
            group: "kokanee.q",
            at: Self.now,
            by: "me",
            state: state,
            targets: [Rewind.Target(partition: 1, offset: 40, old: old)]
        )
    }

    private func verdict(
        _ rewind: Rewind,
        _ committed: CommittedOffset?,
        partition: Int32 = 1,
        age: Int64 = 1000
    ) -> Rewind.Verdict {
        rewind.verdict(of: partition, committed: committed, writtenAt: Self.now - age, now: Self.now)
    }

    private func workers(_ offset: Int64, rewind: String? = nil) -> CommittedOffset {
        let metadata = CommitMetadata(owner: "h:1", movedAt: 1, completed: CompletionMap(), rewind: rewind)
        return CommittedOffset(offset: offset, metadata: metadata.text(above: offset))
    }

    @Test("a partition whose worker has committed since is rewound, once")
    func once() {
        #expect(verdict(rewind(), workers(100)) == .apply(40))
        #expect(verdict(rewind(), workers(170)) == .apply(40))
        #expect(verdict(rewind(), workers(170, rewind: "20261124-000000-abcd")) == .apply(40))
        #expect(verdict(rewind(), workers(40, rewind: Self.id)) == .settled)
        #expect(verdict(rewind(), workers(170, rewind: Self.id)) == .settled)
    }

    @Test("one that is done or withdrawn, or about other partitions, is nobody's business")
    func notMeant() {
        #expect(verdict(rewind(state: .done), workers(100)) == .notMeant)
        #expect(verdict(rewind(state: .withdrawn), workers(100)) == .notMeant)
        #expect(verdict(rewind(), workers(100), partition: 2) == .notMeant)
    }

    @Test("an offset that somebody has reset since is left alone")
    func resetSince() {
        guard case .void = verdict(rewind(), CommittedOffset(offset: 70)) else {
            Issue.record("a reset by other means was overruled")
            return
        }
        #expect(verdict(rewind(), CommittedOffset(offset: 100)) == .apply(40), "it was so when the command was given")
    }

    @Test("a group without an offset is rewound where it had none, and is another one where it had")
    func noOffset() {
        #expect(verdict(rewind(old: nil), nil) == .apply(40))
        guard case .void = verdict(rewind(), nil) else {
            Issue.record("a new group was rewound")
            return
        }
    }

    @Test("after seven days it does not count")
    func expires() {
        #expect(verdict(rewind(), workers(100), age: Rewind.lifetime) == .apply(40))
        guard case .void = verdict(rewind(), workers(100), age: Rewind.lifetime + 1) else {
            Issue.record("an old rewind was applied")
            return
        }
    }

    @Test("it is read as it was written, and garbage is none")
    func reading() {
        func entry(_ key: String, _ value: [UInt8]) -> ControlTopic.Entry {
            .init(key: key, value: value, timestamp: 1)
        }
        let value = try? JSONCodec().encode(rewind()).array
        #expect(Rewind(entry("rewind/q/kokanee.q", value ?? [])) == rewind())
        #expect(Rewind(entry("rewind/other/kokanee.q", value ?? [])) == nil)
        #expect(Rewind(entry("rewind/q/kokanee.q", Array("{".utf8))) == nil)
        #expect(Rewind(entry("rewind/q/kokanee.q", [])) == nil)
    }
}

@Suite("Landing")
struct LandingTests {
    @Test("nothing is taken in before the seek, and after it the target is")
    func target() {
        var landing = Landing(at: 10)
        #expect(landing.needsSeek)
        #expect(landing.look(at: 10) == .notYet)
        landing.noteSeek()
        #expect(landing.look(at: 10) == .landed)
    }

    @Test("a record from elsewhere is not the log's first until it comes first twice", arguments: [3, 11] as [Int64])
    func elsewhere(offset: Int64) {
        var landing = Landing(at: 10)
        landing.noteSeek()
        #expect(landing.look(at: offset) == .notYet)
        #expect(landing.needsSeek)
        #expect(landing.look(at: offset + 1) == .notYet)
        landing.noteSeek()
        #expect(landing.look(at: offset) == .landed)
    }
}
