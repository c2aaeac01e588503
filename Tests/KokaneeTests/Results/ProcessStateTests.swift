import RdKafka
import TestSupport
import Testing

@testable import Kokanee

@Suite("What handler processes leave", .timeLimit(.minutes(2)))
struct ProcessStateTests {
    private let scripts: ScriptDirectory

    init() throws {
        scripts = try ScriptDirectory()
    }

    private func worker(_ source: String, _ fixture: WorkerFixture) throws -> (pool: ProcessPool, worker: Worker) {
        let command = try scripts.python(ProcessTest.prelude + source)
        let pool = try ProcessPool(command: command, count: 1, logger: .disabled)
        var jobs = JobRegistry()
        jobs.registerCatchAll(pool)
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        pool.prepare(&configuration)
        return (
            pool, Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
        )
    }

    @Test("an attempt gets the last checkpoint of the one before, progress is seen meanwhile, and the result after it")
    func checkpoint() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let client = try JobClient(fixture.client)
        let (pool, worker) = try worker(
            """
            for job in jobs():
                if job["attempt"] == 1:
                    for at in range(50): say(id=job["id"], checkpoint={"at": at})
                    say(id=job["id"], progress=0.5, note="half")
                    while not os.path.exists("\(scripts.path("go"))"): time.sleep(0.01)
                    say(id=job["id"], ok=False, error="not yet")
                else:
                    say(id=job["id"], ok=True, result=[job.get("checkpoint"), None])
            """,
            fixture
        )
        var new = NewJob(type: "t", payload: "1")
        new.id = "j"
        new.keepResult = .seconds(600)
        let job = try await client.enqueue(new, to: fixture.queue)
        try await running(worker) {
            try await eventually("its progress is seen") {
                let state = try await client.state(of: "j", in: fixture.queue)
                return state?.progress == 0.5 && state?.note == "half" && state?.checkpoint == #"{"at": 49}"#
            }
            scripts.touch("go")
            let ended = try await client.ending(of: job, within: .seconds(30))
            #expect(ended.result == #"[{"at": 49}, null]"# && ended.attempt == 2)
            #expect(ended.checkpoint == nil)
        }
        await client.close()
        await pool.close(within: .seconds(5))
    }

    @Test("a checkpoint that is too large fails its job for good, with advice")
    func tooLarge() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let client = try JobClient(fixture.client)
        let (pool, worker) = try worker(
            """
            for job in jobs():
                say(id=job["id"], checkpoint="x" * 100_000)
                say(id=job["id"], ok=True)
            """,
            fixture
        )
        var new = NewJob(type: "t", payload: "1")
        new.keepResult = .seconds(600)
        let job = try await client.enqueue(new, to: fixture.queue)
        try await running(worker) {
            let ended = try await client.ending(of: job, within: .seconds(30))
            #expect(ended.ending == .dead)
            #expect(ended.error?.contains("a checkpoint of 100002 bytes is larger than the 65536") == true)
        }
        await client.close()
        await pool.close(within: .seconds(5))
    }
}
