import Foundation
import Kokanee
import RdKafka
import Testing

@testable import struct Kokanee.CompletionMap

/// Each check passes a history in which its promise is kept, and fails one in which it is broken.
struct ChaosCheckTests {
    private static let second = ChaosHistory.second

    /// Three jobs of one key, done one after another by one worker, the second after a failure.
    private static var good: ChaosHistory {
        var history = ChaosHistory(profile: .embedded)
        history.workers = ["w1": .init(startedAt: 0, assignments: [second])]
        for offset in 0..<3 {
            let place = ChaosHistory.Place(topic: "q", partition: 0, offset: Int64(offset))
            history.enqueued.append(.init(id: "\(offset)", key: "k", place: place, end: .completed))
            history.acknowledged[place] = "\(offset)"
            history.executions.append(run("\(offset)", at: 2 + Double(offset)))
        }
        history.executions[1].outcome = .failed
        let rung = ChaosHistory.Place(topic: "q.retry.1s", partition: 0, offset: 0)
        history.rungs = [.init(id: "1", attempt: 2, place: rung, dueAt: 5 * second)]
        var retry = run("1", at: 6)
        (retry.place, retry.attempt) = (rung, 2)
        history.executions.append(retry)
        history.enqueuedUntil = 7 * second
        return history
    }

    /// A run from the main topic of half a second, at some seconds after the history's beginning.
    private static func run(_ id: String, at: Double, on worker: String = "w1") -> ChaosExecution {
        let start = Int64(at * Double(second))
        return ChaosExecution(
            id: id,
            key: "k",
            attempt: 1,
            worker: worker,
            place: .init(topic: "q", partition: 0, offset: Int64(id) ?? 0),
            start: start,
            end: start + second / 2,
            outcome: .ok
        )
    }

    /// `good`, with the last job run again by a second worker that was given its partitions after some seconds.
    private static func takenOver(_ fault: ChaosHistory.Fault?, after seconds: Int64 = 10) -> ChaosHistory {
        var history = good
        history.workers["w2"] = .init(startedAt: 0, assignments: [seconds * second])
        if let fault { history.faults = [fault] }
        history.executions.append(run("2", at: Double(seconds + 1), on: "w2"))
        return history
    }

    private static func fault(at time: Double) -> ChaosHistory.Fault {
        .init(kind: .kill, from: Int64(time * Double(second)), until: Int64(time * Double(second)))
    }

    /// The names of the checks that a history does not pass.
    private func failures(_ history: ChaosHistory) -> [String] {
        var history = history
        history.executions.sort { $0.start < $1.start }
        return ChaosCheck.all.filter { !$0.check(history).isEmpty }.map(\.name)
    }

    @Test("a history that keeps all promises passes all checks")
    func good() {
        #expect(failures(Self.good) == [])
    }

    @Test("an acknowledged job that the log has not is found")
    func acknowledged() {
        var history = Self.good
        let place = ChaosHistory.Place(topic: "q", partition: 0, offset: 3)
        history.acknowledged[place] = "3"
        #expect(failures(history) == ["acknowledged jobs are in the log"])
        // The separate broker forgot what it acknowledged while it was being ended.
        history.acknowledgedAt[place] = 3 * Self.second
        history.faults = [.init(kind: .restartBroker, from: 2 * Self.second, until: 4 * Self.second)]
        #expect(failures(history) == [])
        history.acknowledgedAt[place] = Self.second
        #expect(failures(history) == ["acknowledged jobs are in the log"])
    }

    @Test("a partition that lost its last records when its broker was ended may begin anew, and no other")
    func shortened() {
        let names = ["nothing ran again that a commit named", "every repetition has a cause"]
        var history = Self.good
        history.profile = .process
        history.executions.append(Self.run("2", at: 6.6))
        let partition = TopicPartition(topic: "q", partition: 0)
        history.commits = [
            .init(seenAt: 5 * Self.second, partition: partition, offset: 3, finishedBeyond: CompletionMap())
        ]
        history.faults = [.init(kind: .restartBroker, from: 5 * Self.second, until: 6 * Self.second)]
        #expect(failures(history) == names)
        // What ran from behind them is nowhere.
        history.offered["3"] = "k"
        history.executions.append(Self.run("3", at: 5.1))
        #expect(failures(history) == [])
        history.executions[history.executions.count - 1].place.partition = 1
        #expect(failures(history) == names)
    }

    @Test("a job that never ran, or ended otherwise than it must, is lost")
    func ends() {
        let name = ["every job ended as it must"]
        var history = Self.good
        history.executions.removeAll { $0.id == "2" }
        #expect(failures(history) == name)
        for end in [ChaosJobs.End.dead, .discarded] {
            history = Self.good
            history.enqueued[2].end = end
            #expect(failures(history) == name)
        }
        history = Self.good
        history.discarded = ["2"]
        #expect(failures(history) == name)
        // One that expires may just have been in time; then it ran again, or was discarded.
        history = Self.good
        history.enqueued[2].end = .discarded
        history.enqueued[2].expiresAt = 4 * Self.second
        #expect(failures(history) == [])
        history.discarded = ["2"]
        #expect(failures(history) == [])
        history.enqueued[2].expiresAt = 2 * Self.second
        #expect(failures(history) == name)
        history.executions.removeAll { $0.id == "2" }
        #expect(failures(history) == [])
        history.discarded = []
        #expect(failures(history) == name)
    }

    @Test("an effect that a job made which the log has not is made; one that nobody made is lost")
    func forgottenTwin() {
        var history = Self.good
        history.enqueued[2].end = .once(effect: 0)
        history.executions.removeAll { $0.id == "2" }
        #expect(failures(history) == ["every job ended as it must"])
        history.offered["1"] = "k"
        history.offeredEffects["1"] = 0
        #expect(failures(history) == [])
        history.offeredEffects["1"] = 1
        #expect(failures(history) == ["every job ended as it must"])
    }

    @Test("jobs without an end are lost only where a run has waited for their ends")
    func unawaited() {
        var history = Self.good
        history.executions.removeAll { $0.id == "2" }
        history.isAwaited = false
        #expect(failures(history) == [])
        // What has ended twice is no question of time.
        history.executions.append(Self.run("2", at: 4))
        history.discarded = ["2"]
        #expect(failures(history) == ["every job ended as it must"])
    }

    @Test("a run of a job that nobody enqueued, or that another place says of it, is found")
    func invented() {
        let name = "nothing ran that was not enqueued"
        var history = Self.good
        history.executions.append(Self.run("7", at: 7))
        #expect(failures(history) == [name])
        history = Self.good
        history.executions[2].key = "other"
        #expect(failures(history) == [name])
        history = Self.good
        history.rungs[0].attempt = 3
        #expect(failures(history).contains(name))
    }

    @Test("a run from a hop that the separate broker forgot when it was ended is none, if the hop stands elsewhere")
    func forgotten() {
        let name = "nothing ran that was not enqueued"
        var history = Self.good
        // What ran from the rung's record stands one further up, behind another job's.
        var other = history.rungs[0]
        other.id = history.enqueued[0].id
        history.rungs[0].place.offset += 1
        history.rungs.append(other)
        #expect(failures(history).contains(name))
        history.faults.append(.init(kind: .restartBroker, from: 0, until: 1))
        #expect(!failures(history).contains(name))
    }

    @Test("in a run that has not waited, what the broker forgot need not have been produced again")
    func forgottenUnawaited() {
        let name = "nothing ran that was not enqueued"
        var history = Self.good
        history.faults.append(.init(kind: .restartBroker, from: 0, until: 1))
        history.rungs.removeAll()
        #expect(failures(history).contains(name))
        history.isAwaited = false
        #expect(!failures(history).contains(name))
        history.executions.append(Self.run("7", at: 7))
        #expect(failures(history).contains(name))
    }

    @Test("so is one of a job that the broker forgot, if that was enqueued again; one that nobody enqueued stays one")
    func enqueuedAgain() {
        let name = "nothing ran that was not enqueued"
        var history = Self.good
        history.faults.append(.init(kind: .restartBroker, from: 0, until: 1))
        history.enqueued[0].place.offset += 100
        #expect(!failures(history).contains(name))
        history.enqueued[0].id = "another"
        #expect(failures(history).contains(name))
        // Or its producer gave up.
        history.offered["0"] = "k"
        #expect(!failures(history).contains(name))
        // What became of it may be there all the same.
        history.letters = [.init(id: "0", attempt: 1, place: .init(topic: "q.dlq", partition: 0, offset: 0), dueAt: 0)]
        #expect(!failures(history).contains(name))
        history.letters[0].id = "7"
        #expect(failures(history).contains(name))
        history.letters = []
        history.faults = []
        #expect(failures(history).contains(name))
    }

    @Test("a first run out of the log's order is found, and one again is not")
    func order() {
        let name = "first executions of a key follow the log"
        var history = Self.good
        (history.executions[0].place, history.executions[2].place) =
            (history.executions[2].place, history.executions[0].place)
        (history.executions[0].id, history.executions[2].id) = ("2", "0")
        #expect(failures(history) == [name])
        #expect(!failures(Self.takenOver(nil)).contains(name))
    }

    @Test("a run of what a commit had named is found, but not one of a zombie")
    func regress() {
        let name = "nothing ran again that a commit named"
        var history = Self.takenOver(Self.fault(at: 5))
        #expect(!failures(history).contains(name))
        let partition = TopicPartition(topic: "q", partition: 0)
        let beyond = CompletionMap(runs: [2..<3])
        let time = 6 * Self.second
        history.commits = [.init(seenAt: time, partition: partition, offset: 1, finishedBeyond: beyond)]
        #expect(failures(history) == [name])
        history.commits[0].finishedBeyond = CompletionMap()
        #expect(failures(history) == [])
        history.commits[0].offset = 3
        #expect(failures(history) == [name])
        history.workers["w2"]?.freezes = [.init(from: 9 * Self.second, thawed: 10 * Self.second, knew: .max)]
        #expect(failures(history) == [])
    }

    @Test("two runs of a key beside each other are found, unless the older one's worker could not know that it lost")
    func overlaps() {
        let name = "executions of a key never overlap"
        var history = Self.takenOver(Self.fault(at: 5))
        history.executions[3].end = 20 * Self.second
        #expect(failures(history).contains(name))
        history.workers["w1"]?.killedAt = 5 * Self.second
        #expect(!failures(history).contains(name))
        history.workers["w1"]?.killedAt = nil
        history.workers["w1"]?.freezes = [
            .init(from: 5 * Self.second, thawed: 12 * Self.second, knew: 13 * Self.second)
        ]
        #expect(!failures(history).contains(name))
        history.workers["w1"]?.freezes[0].knew = 10 * Self.second
        #expect(failures(history).contains(name))
    }

    @Test("a repetition needs a fault before its partitions moved, and no longer after its end than a commit takes")
    func repetitions() {
        let name = ["every repetition has a cause"]
        #expect(failures(Self.takenOver(nil)) == name)
        #expect(failures(Self.takenOver(Self.fault(at: 5))) == [])
        // It ended at 4.5, and was committed long before the later of these.
        #expect(failures(Self.takenOver(Self.fault(at: 15), after: 20)) == [])
        #expect(failures(Self.takenOver(Self.fault(at: 17), after: 20)) == name)
        // This came too late to move the partitions.
        #expect(failures(Self.takenOver(Self.fault(at: 10.5))) == name)
        var history = Self.takenOver(Self.fault(at: 5))
        history.workers["w2"]?.assignments = [100 * Self.second]
        #expect(failures(history) == name)
        // Two at a time have none, but on a broker that forgot one of them.
        history = Self.takenOver(nil)
        history.workers["w2"]?.assignments = [Self.second]
        #expect(failures(history) == name)
        history.faults = [.init(kind: .restartBroker, from: 3 * Self.second, until: 4 * Self.second)]
        #expect(failures(history) == [])
        // Its own worker has no excuse within one assignment.
        history = Self.good
        history.faults = [Self.fault(at: 4)]
        history.executions.append(Self.run("2", at: 6.6))
        #expect(failures(history) == name)
    }

    @Test("a hop that no failed attempt explains is found")
    func hops() {
        var history = Self.good
        history.rungs.append(
            .init(id: "2", attempt: 2, place: .init(topic: "q.retry.1s", partition: 0, offset: 1), dueAt: 0)
        )
        #expect(failures(history) == ["every hop has a cause"])
    }

    @Test("a run before its rung's time is found")
    func early() {
        var history = Self.good
        history.rungs[0].dueAt = 6 * Self.second + 1
        #expect(failures(history) == ["nothing ran before its time"])
    }

    @Test("a time without an end of a job is found where the faults have been over for long")
    func progress() {
        let name = ["jobs end again soon after the last fault"]
        var history = Self.good
        history.faults = [Self.fault(at: 5)]
        history.executions[3].start = 36 * Self.second
        history.executions[3].end = 37 * Self.second
        #expect(failures(history) == name)
        history.faults = [Self.fault(at: 10)]
        #expect(failures(history) == [])
    }
}

/// A plan follows from its seed; the ledger and the logs are read as they were written.
struct ChaosPlanTests {
    @Test("the same seed gives the same plan and the same jobs, another seed others")
    func seeds() {
        let plan = ChaosPlan(seed: 7, profile: .embedded, events: 40)
        #expect(plan == ChaosPlan(seed: 7, profile: .embedded, events: 40))
        #expect(plan.steps != ChaosPlan(seed: 8, profile: .embedded, events: 40).steps)
        var (jobs, same) = (ChaosJobs(seed: 7), ChaosJobs(seed: 7))
        for _ in 0..<1000 {
            let (job, other) = (jobs.next(), same.next())
            #expect(job.kind == other.kind && job.key == other.key && job.payload == other.payload)
        }
    }

    @Test("each kind of event that a profile allows comes, and no other", arguments: 0..<20 as Range<UInt64>)
    func kinds(seed: UInt64) {
        for profile in [ChaosProfile.embedded, .process, .external] {
            let plan = ChaosPlan(seed: seed, profile: profile, events: 40)
            #expect(plan.steps.count == 40)
            #expect(Set(plan.steps.map(\.event.kind)) == Set(profile.kinds))
        }
    }

    @Test("there are never fewer or more workers than a plan may have, and a frozen one is frozen for long enough")
    func bounds() {
        for seed in 0..<50 as Range<UInt64> {
            var workers = ChaosPlan.workersAtFirst
            for step in ChaosPlan(seed: seed, profile: .embedded, events: 60).steps {
                switch step.event {
                case .join: workers += 1
                case .leave(let worker):
                    #expect(worker < workers)
                    workers -= 1
                case .kill(let worker): #expect(worker < workers)
                case .freeze(let worker, let time):
                    #expect(worker < workers)
                    #expect(time > ChaosPlan.sessionTimeout)
                default: continue
                }
                #expect(ChaosPlan.workers.contains(workers))
            }
        }
    }

    @Test("a handler's start and end are one execution; a start without an end has none")
    func ledger() throws {
        func line(_ event: String, _ at: Int64, _ pid: Int, _ id: String, _ outcome: String = "null") -> String {
            #"{"event":"\#(event)","at":\#(at),"worker":"w1","pid":\#(pid),"id":"\#(id)","key":"k","attempt":1,"#
                + #""source":"q/0/\#(id)","outcome":\#(outcome)}"# + "\n"
        }
        let text =
            line("start", 1, 10, "1") + line("start", 2, 11, "2") + line("end", 3, 11, "2", #""failed""#)
            + line("end", 4, 11, "2", #""cut""#)
        let executions = try ChaosLedger.executions(Data(text.utf8))
        #expect(executions.map(\.id) == ["1", "2"])
        #expect(executions.map(\.end) == [nil, 3])
        #expect(executions.map(\.outcome) == [nil, .failed])
        #expect(executions[1].place == .init(topic: "q", partition: 0, offset: 2))
    }

    @Test("a worker's log tells when it was given partitions, when it lost some, and what it discarded")
    func log() {
        let text = """
            1970-01-01T00:00:01.000Z info    partitions assigned queue=q partitions="q 0-7" member=m
            1970-01-01T00:00:02.000Z info    job discarded queue=q job=17 reason=expired
            1970-01-01T00:00:03.000Z warning partitions lost: the group went on without this worker queue=q
            1970-01-01T00:00:04.500Z info    partitions assigned queue=q partitions="q 0" member=m
            a line of somebody else's
            """
        let log = ChaosLog(text, wallOffset: 100)
        #expect(log.assignments == [1_000_000_100, 4_500_000_100])
        #expect(log.changes == [1_000_000_100, 3_000_000_100, 4_500_000_100])
        #expect(log.discarded == ["17"])
    }
}
