import RdKafka
import Synchronization
import TestSupport
import Testing

@testable import Kokanee

@Suite("Attempts that handlers take over", .timeLimit(.minutes(2)))
struct DirectAttemptTests {
    private struct Taken: Sendable {
        let attempt: DirectAttempt
        let engine: Engine

        /// The number that the fixture has made its job's payload of.
        var number: Int { attempt.batch.number }

        func begin() -> JobContent? { attempt.begin(at: MonotonicTime.nanoseconds, engine.startLimit) }

        func end(_ result: Result<Void, any Error>) -> Bool { attempt.end(result, of: engine) }
    }

    /// Has in its hands what it has taken over, until the test begins and ends it.
    private final class Hands: DirectHandler {
        private struct State {
            var taken: [Taken] = []
            var told: [Int] = []
            /// Values, and the numbers of attempts, of the jobs that came with a task.
            var performed: [[Int]] = []
            var isClosed = false
        }

        private let state = Mutex(State())

        var taken: [Taken] { state.withLock { $0.taken } }
        var told: [Int] { state.withLock { $0.told } }
        var performed: [[Int]] { state.withLock { $0.performed } }

        func close() { state.withLock { $0.isClosed = true } }

        func accept(_ attempts: [DirectAttempt], of engine: Engine) -> Bool {
            state.withLock { state in
                if !state.isClosed { state.taken += attempts.map { Taken(attempt: $0, engine: engine) } }
                return !state.isClosed
            }
        }

        func cancel(_ attempt: Batch) { state.withLock { $0.told.append(attempt.number) } }

        nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws {
            // As the pool of processes does, so that what was left is known once a job has run.
            _ = try await context.earlierCheckpoint()
            state.withLock { $0.performed.append([Int(payload.text) ?? -1, context.attempt]) }
        }

        /// Hands over to the test what it has in its hands.
        func give() -> [Taken] {
            state.withLock { state in
                defer { state.taken = [] }
                return state.taken
            }
        }
    }

    private let hands = Hands()

    private func worker(
        _ fixture: WorkerFixture,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) throws -> Worker {
        var jobs = JobRegistry()
        jobs.registerCatchAll(hands)
        var configuration = WorkerConfiguration()
        configuration.commitInterval = .milliseconds(50)
        configuration.concurrency = 4
        configure(&configuration)
        configuration.demand = HandlerDemand(configuration.concurrency)
        return Worker(queues: [fixture.queue], jobs: jobs, configuration: configuration, client: fixture.client)
    }

    /// Runs a worker, and has it given jobs, numbered from 1 up, once it knows that none has left anything: job 0 has run
    /// with a task.
    private func running(
        _ fixture: WorkerFixture,
        _ worker: Worker,
        jobs count: Int,
        key: (Int) -> String? = { _ in nil },
        _ body: () async throws -> Void
    ) async throws {
        try await fixture.enqueue(1)
        try await KokaneeTests.running(worker) {
            try await eventually("a job has run") { hands.performed == [[0, 1]] }
            try await fixture.enqueue(count, from: 1, key: key)
            try await body()
        }
    }

    private static func oneOfFive(_ job: Int) -> String? { "\(job % 5)" }

    private static func same(_: Int) -> String? { "k" }

    /// The one attempt that the handler is to have soon.
    private func next(_ what: String) async throws -> Taken {
        try await eventually(what) { hands.taken.count == 1 }
        return try #require(hands.give().first)
    }

    private func begin(_ taken: Taken) -> Int? { taken.begin().flatMap { Int($0.payload.text) } }

    private func end(_ taken: Taken, _ result: Result<Void, any Error> = .success(())) {
        if taken.end(result) { taken.engine.noteReturned([taken.attempt]) }
    }

    @Test("each job is given once, after those of its key before it, no more at once than there may be, and committed")
    func order() async throws {
        let fixture = try WorkerFixture()
        let worker = try worker(fixture)
        try await running(fixture, worker, jobs: 40, key: Self.oneOfFive) {
            var order: [Int] = []
            try await eventually("all have been given") {
                let given = hands.give()
                #expect(given.count <= 4 && Set(given.map { $0.number % 5 }).count == given.count)
                for attempt in given {
                    order.append(try #require(begin(attempt)))
                    #expect(begin(attempt) == nil, "it begins once")
                }
                for attempt in given.reversed() { #expect(attempt.end(.success(()))) }
                if let engine = given.first?.engine { engine.noteReturned(given.map(\.attempt)) }
                return order.count == 40
            }
            #expect(order.sorted() == Array(1...40))
            for key in 0..<5 {
                let ofKey = order.filter { $0 % 5 == key }
                #expect(ofKey == ofKey.sorted())
            }
            try await eventually("all is committed") { try await fixture.committed()?.offset == 41 }
        }
        #expect(worker.statistics.completed == 41 && hands.performed == [[0, 1]])
    }

    @Test("a failed attempt climbs the ladder, and the next one, which has a history, comes with a task")
    func failure() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let worker = try worker(fixture)
        try await running(fixture, worker, jobs: 2, key: Self.same) {
            let first = try await next("the first comes")
            #expect(begin(first) == 1)
            end(first, .failure(JobError.retry("not yet")))
            let second = try await next("the second comes")
            #expect(begin(second) == 2)
            end(second, .failure(JobError.deadLetter("never")))
            try await eventually("the first is tried again") { hands.performed == [[0, 1], [1, 2]] }
            try await eventually("all is committed") { try await fixture.committed()?.offset == 3 }
        }
        let statistics = worker.statistics
        #expect(statistics.retried == 1 && statistics.dead == 1 && statistics.completed == 2)
    }

    @Test("what has not begun when the worker ends is taken back, and another worker's; it can't begin any more")
    func takenBack() async throws {
        let fixture = try WorkerFixture()
        let first = try worker(fixture)
        try await running(fixture, first, jobs: 3) {
            try await eventually("three are there") { hands.taken.count == 3 }
            #expect(begin(hands.taken[1]) != nil)
            first.stop()
            try await eventually("two are taken back") { first.inFlight == 1 }
            let given = hands.give()
            #expect(begin(given[0]) == nil && begin(given[2]) == nil)
            #expect(given[1].end(.success(())))
            given[0].engine.noteReturned(given.map(\.attempt))
        }
        #expect(first.statistics.completed == 2)
        let second = try worker(fixture)
        try await KokaneeTests.running(second) {
            try await eventually("the others run") {
                first.statistics.completed + hands.performed.count + hands.taken.count == 5
            }
            for attempt in hands.give() {
                #expect(begin(attempt) != nil)
                end(attempt)
            }
            try await eventually("all is committed") { try await fixture.committed()?.offset == 4 }
        }
    }

    @Test("an attempt that may not begin now, for the lease may be over, is handed back, and given again")
    func handedBack() async throws {
        let fixture = try WorkerFixture()
        let worker = try worker(fixture)
        try await running(fixture, worker, jobs: 1) {
            let attempt = try await next("it is there")
            attempt.engine.startLimit.set(.now - .seconds(1))
            #expect(begin(attempt) == nil)
            attempt.engine.startLimit.set(nil)
            attempt.engine.noteReturned([attempt.attempt])
            let again = try await next("it is there again")
            #expect(begin(again) == 1)
            end(again)
            try await eventually("it is committed") { try await fixture.committed()?.offset == 2 }
        }
    }

    @Test("an attempt that outlasts the shutdown is told to end, costs no attempt, and goes on from its checkpoint")
    func shutdown() async throws {
        let fixture = try WorkerFixture()
        let first = try worker(fixture, set(\.shutdownLimit, .milliseconds(100)))
        try await running(fixture, first, jobs: 1) {
            let attempt = try await next("it is there")
            let content = try #require(attempt.begin())
            JobContext(content).leaveCheckpoint(Array("7".utf8))
            first.stop()
            try await eventually("it is told") { hands.told == [1] }
            #expect(!attempt.end(.failure(CancellationError())), "its checkpoint is waited for")
        }
        #expect(first.statistics.failedAttempts == 0)
        let second = try worker(fixture)
        try await KokaneeTests.running(second) {
            try await eventually("it comes with a task, for it has left something") { hands.performed.last == [1, 1] }
        }
    }

    @Test("a job that is cancelled before its handler has begun it does not begin; one that is cancelled later is told")
    func cancelled() async throws {
        let fixture = try WorkerFixture()
        let control = try QueueControl(fixture.client)
        let worker = try worker(fixture)
        try await running(fixture, worker, jobs: 2) {
            try await eventually("they are there") { hands.taken.count == 2 }
            let given = hands.give()
            #expect(begin(given[1]) == 2)
            // A plain record's id is its place.
            try await control.cancel(["q/0/1", "q/0/2"], of: fixture.queue, by: "ann")
            try await eventually("the one that runs is told") { hands.told == [2] }
            #expect(begin(given[0]) == nil)
            #expect(given[1].end(.failure(CancellationError())))
            given[0].engine.noteReturned(given.map(\.attempt))
            try await eventually("both are gone") { worker.statistics.cancelled == 2 }
        }
        #expect(hands.performed == [[0, 1]] && hands.taken.isEmpty)
    }

    @Test("an attempt that ignores that its time is over is given up, and what becomes of it later counts for nothing")
    func stuck() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.concurrency = 1
            $0.attemptTimeout = .milliseconds(300)
            $0.cancellationGrace = .milliseconds(100)
        }
        let worker = try worker(fixture, configure)
        try await running(fixture, worker, jobs: 2) {
            let stuck = try await next("it is there")
            #expect(begin(stuck) == 1)
            try await eventually("another has its slot") { hands.taken.count == 1 }
            #expect(hands.told == [1] && worker.statistics.stuck == 1)
            let next = try #require(hands.give().first)
            #expect(begin(next) == 2)
            end(next)
            try await eventually("it is tried again") { hands.performed == [[0, 1], [1, 2]] }
            try await eventually("all is committed") { try await fixture.committed()?.offset == 3 }
            end(stuck)
        }
        #expect(worker.statistics.completed == 3 && worker.statistics.retried == 1)
    }

    @Test("attempts that end when they are told that their time is over have run over it, each in the slot of the last")
    func timeout() async throws {
        let fixture = try WorkerFixture(ladder: "1s")
        let configure: (inout WorkerConfiguration) -> Void = {
            $0.concurrency = 1
            $0.attemptTimeout = .milliseconds(300)
        }
        let worker = try worker(fixture, configure)
        try await running(fixture, worker, jobs: 2) {
            for number in 1...2 {
                let attempt = try await next("job \(number) is there")
                #expect(begin(attempt) == number)
                try await eventually("it is told") { hands.told.last == number }
                end(attempt, .failure(CancellationError()))
            }
            try await eventually("they are tried again") { hands.performed.count == 3 }
        }
        #expect(worker.statistics.stuck == 0 && worker.statistics.failedAttempts == 2)
        let retried = try await fixture.records(of: fixture.queue.retryTopics[0])
        for record in retried {
            let error = record.headers.first { $0.name == "kokanee-error" }?.value?.text
            #expect(error?.hasPrefix("Timeout: ") == true)
        }
        #expect(retried.count == 2)
    }

    @Test("where a handler takes none any more, jobs come with a task")
    func closed() async throws {
        let fixture = try WorkerFixture()
        hands.close()
        let worker = try worker(fixture)
        try await running(fixture, worker, jobs: 19) {
            try await eventually("all have run") { hands.performed.count == 20 }
        }
        #expect(hands.taken.isEmpty && worker.statistics.completed == 20)
    }
}

extension Batch {
    /// The number that the fixture has made its job's payload of.
    fileprivate var number: Int { Int(item(0).content.payload.text) ?? -1 }
}
