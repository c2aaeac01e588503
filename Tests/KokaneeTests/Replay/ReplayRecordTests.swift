import RdKafka
import Testing

@testable import Kokanee

@Suite("What the control topic has of replays")
struct ReplayRecordTests {
    private func entry(_ beginning: String, id: String = "20260709-101500-k3f9") -> ControlTopic.Entry {
        ControlTopic.Entry(key: "replay/q/\(id)/beginning", value: Array(beginning.utf8), timestamp: 0)
    }

    private func beginning(id: String = "20260709-101500-k3f9", from: Int64, to: Int64) -> String {
        """
        {"id":"\(id)","kind":"side","queue":"q","group":"g","at":0,"by":"me","words":"","plan":{"id":"\(id)","queue":"q",\
        "selection":{"clock":"record","types":[],"versions":[],"keys":[],"isOnlyFailed":false,"completedBy":[],\
        "skipsDone":false},"partitions":[{"partition":0,"from":\(from),"to":\(to),"lostToRetention":0}],"notes":[],\
        "hasListedOffsets":false}}
        """
    }

    @Test("is read as it was written")
    func sound() {
        let records = ReplayRecord.records([entry(beginning(from: 3, to: 8))])
        #expect(records.map(\.id) == ["20260709-101500-k3f9"])
        #expect(records.first?.beginning.plan?.records == 5)
    }

    @Test("an id tells when it was made, to the second, and what is none tells nothing")
    func times() {
        #expect(ReplayID.time(of: ReplayID.make(at: 1_780_000_000_999)) == 1_780_000_000_000)
        #expect(ReplayID.time(of: "20261399-101500-k3f9") == nil)
        #expect(ReplayID.time(of: "junk") == nil)
    }

    @Test(
        "is passed over where it is no plan that anybody could have made",
        arguments: [(8, 3), (-5, 3), (Int64.min, Int64.max), (-1, -1), (0, .max)] as [(Int64, Int64)]
    )
    func ranges(from: Int64, to: Int64) {
        #expect(ReplayRecord.records([entry(beginning(from: from, to: to))]).isEmpty)
    }

    @Test("is passed over where its id is none", arguments: ["", "x", "20260709-101500-k3f9/beginning"])
    func ids(id: String) {
        #expect(ReplayRecord.records([entry(beginning(id: id, from: 3, to: 8), id: id)]).isEmpty)
    }
}
