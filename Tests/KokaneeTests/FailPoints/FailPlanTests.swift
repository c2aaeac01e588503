import RdKafka
import Testing

@testable import Kokanee

@Suite("Fail points")
struct FailPlanTests {
    @Test("names are the cases' words with a dot, and are all different")
    func names() {
        #expect(FailPoint.hopAcknowledged.name == "hop.acknowledged")
        #expect(FailPoint.dispatcherTurn.name == "dispatcher.turn")
        #expect(Set(FailPoint.allCases.map(\.name)).count == FailPoint.allCases.count)
        #expect(FailPoint.allCases.allSatisfy { $0.name.split(separator: ".").count == 2 })
    }

    @Test("every point, action and kind of range is read as it is written")
    func reads() throws {
        #expect(try FailPlan(text: "") == FailPlan([]))
        #expect(try FailPlan(text: " ; ") == FailPlan([]))
        let text = " hop.acknowledged = kill @3;commit.sending=fail@1-4; record.read=stop@7-;dispatcher.turn=wedge;"
        #expect(
            try FailPlan(text: text)
                == FailPlan([
                    .init(point: .hopAcknowledged, action: .kill, passages: 3...3),
                    .init(point: .commitSending, action: .fail, passages: 1...4),
                    .init(point: .recordRead, action: .stop, passages: 7...Int.max),
                    .init(point: .dispatcherTurn, action: .wedge, passages: 1...Int.max),
                ])
        )
        #expect(try FailPlan(text: "clock=+5m") == FailPlan([], clockSkew: 300_000))
        #expect(try FailPlan(text: "clock=-1s;").clockSkew == -1000)
        for point in FailPoint.allCases {
            let plan = try FailPlan(text: "\(point.name)=kill@1")
            #expect(plan == FailPlan([.init(point: point, action: .kill, passages: 1...1)]))
            #expect((try? FailPlan(text: "\(point.name)=fail")) == nil || point.canFail)
        }
    }

    @Test(
        "what is no plan is refused with the entry and what is possible",
        arguments: [
            ("hop.acknowledged", "POINT=ACTION"),
            ("clock=5m", "clock=+DURATION"),
            ("hop=kill", "there is no point \"hop\"; there are dispatcher.turn, record.read"),
            ("hop.produced=die", "there is no action \"die\"; there are kill, stop, fail, wedge"),
            ("record.read=fail", "record.read is no step that can fail"),
            ("record.read=kill@0", "\"0\" must be"),
            ("record.read=kill@-1", "\"-1\" must be"),
            ("record.read=kill@", "\"\" must be"),
            ("record.read=kill@4-2", "\"4-2\" must be"),
            ("record.read=kill@1-2-3", "\"1-2-3\" must be"),
            ("record.read=kill@+1", "\"+1\" must be"),
            ("record.read=kill@99999999999999999999", "must be"),
            ("record.read=kill@1;=kill", "there is no point \"\""),
        ]
    )
    func refuses(text: String, problem: String) {
        #expect {
            try FailPlan(text: text)
        } throws: { error in
            "\(error)".contains(problem) && "\(error)".hasPrefix("fail point \"")
        }
    }

    @Test("each point counts its own passages, and the first rule that has something to say is heard")
    func counts() throws {
        var plan = try FailPlan(text: "hop.producing=fail@2-3; hop.producing=kill@3-; commit.sending=stop@1")
        #expect((1...5).map { _ in plan.pass(.hopProducing) } == [nil, .fail, .fail, .kill, .kill])
        #expect((1...2).map { _ in plan.pass(.commitSending) } == [.stop, nil])
        #expect(plan.pass(.recordRead) == nil)
    }
}

/// One at a time: a plan holds for the whole process.
@Suite(.serialized)
struct ArmedFailPointTests {
    @Test("a step fails at the passages that were armed, with the error that it has in earnest, and not after")
    func fails() throws {
        try FailPoints.arm("partitions.assigning=fail@2")
        defer { FailPoints.disarm() }
        #expect(FailPoint.partitionsAssigning.failure() == nil)
        let failure = try #require(FailPoint.partitionsAssigning.failure(.requestTimedOut))
        #expect(failure.code == .requestTimedOut)
        #expect(failure.operation == "passing fail point partitions.assigning")
        #expect(throws: Never.self) { try FailPoint.partitionsAssigning.check() }
        try FailPoints.arm("partitions.assigning=fail@1-9")
        #expect(throws: KafkaError.self) { try FailPoint.partitionsAssigning.check() }
        FailPoints.disarm()
        #expect(FailPoint.partitionsAssigning.failure() == nil)
    }

    @Test("only a success is made a failure, and only that counts as a passage")
    func results() throws {
        try FailPoints.arm("hop.acknowledged=fail@1")
        defer { FailPoints.disarm() }
        let refusal = KafkaError(code: .messageTooLarge, operation: "producing")
        let refused = FailPoint.hopAcknowledged.result(Result<Int, _>.failure(refusal), failure: .localTimedOut)
        #expect(refused == .failure(refusal))
        let lost = FailPoint.hopAcknowledged.result(Result<Int, KafkaError>.success(1), failure: .localTimedOut)
        let timeout = KafkaError(code: .localTimedOut, operation: "passing fail point hop.acknowledged")
        #expect(lost == .failure(timeout))
        #expect(FailPoint.hopAcknowledged.result(Result<Int, KafkaError>.success(1), failure: .unknown) == .success(1))
    }

    @Test("a plan that can't be read leaves what was armed")
    func keeps() throws {
        try FailPoints.arm("partitions.assigning=fail@1")
        defer { FailPoints.disarm() }
        #expect(throws: InputError.self) { try FailPoints.arm("nothing") }
        #expect(FailPoint.partitionsAssigning.failure() != nil)
    }
}
