import Testing

@testable import Kokanee
@testable import kokanee

@Suite(.timeLimit(.minutes(1)))
struct BuildOptionTests {
    @Test(
        "a build that can't be noted ends the worker before it begins, with 64 and where it stood",
        arguments: [
            (["--build", String(repeating: "x", count: 201)], nil, "--build"),
            (["--build", "a\nb"], "good", "--build"),
            ([], "a\tb", "$KOKANEE_BUILD"),
        ] as [([String], String?, String)]
    )
    func refused(options: [String], variable: String?, source: String) async {
        let error = Recorder()
        var environment = [Connection.environmentVariable: "127.0.0.1:1"]
        environment[OptionValues.buildVariable] = variable
        let program = Program(
            // Nobody listens there: it is not asked.
            environment: environment,
            output: Recorder().sink(),
            error: error.sink(),
            interruption: Interruption()
        )
        #expect(await program.run(["work", "orders", "--exec", "true"] + options) == .usage)
        #expect(error.text.hasPrefix("kokanee: \(source) has at most 200 bytes"), "\(error.text)")
    }
}
