import Testing

@testable import Kokanee
@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct FailPointOptionTests {
    @Test(
        "a plan of fail points that can't be read ends the worker before it begins, with 64 and what is wrong",
        arguments: [
            ("hop.acknowledged", "POINT=ACTION"), ("hop.done=kill", "there is no point \"hop.done\""),
            ("record.read=fail", "record.read is no step that can fail"),
        ]
    )
    func refused(plan: String, problem: String) async {
        let error = Recorder()
        let program = Program(
            // Nobody listens there: it is not asked.
            environment: [FailPoints.environmentVariable: plan, Connection.environmentVariable: "127.0.0.1:1"],
            output: Recorder().sink(),
            error: error.sink(),
            interruption: Interruption()
        )
        #expect(await program.run(["work", "orders", "--exec", "true"]) == .usage)
        #expect(error.text.hasPrefix("kokanee: $KOKANEE_FAIL_POINTS: fail point \"\(plan)\": "), "\(error.text)")
        #expect(error.text.contains(problem), "\(error.text)")
    }
}
