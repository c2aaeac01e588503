import Testing

@testable import Kokanee

@Suite("When a worker that stops when idle stops")
struct WorkerControlTests {
    @Test("one queue: at once when it is idle")
    func one() {
        let control = WorkerControl(name: "w", queueCount: 1)
        control.note(idleAt: nil, queue: 0)
        #expect(!control.isStopping)
        control.note(idleAt: [3], queue: 0)
        #expect(control.isStopping)
    }

    @Test("two queues: when each is found idle again after both were, with nothing new in their logs")
    func two() {
        let control = WorkerControl(name: "w", queueCount: 2)
        control.note(idleAt: [1], queue: 0)
        control.note(idleAt: [1], queue: 0)
        control.note(idleAt: [1], queue: 1)
        #expect(!control.isStopping, "a job of queue 1 may have enqueued one of queue 0 meanwhile")
        control.note(idleAt: [2], queue: 0)
        control.note(idleAt: [1], queue: 1)
        #expect(!control.isStopping, "it had")
        control.note(idleAt: [2], queue: 0)
        #expect(control.isStopping)
    }

    @Test("two queues: work in one of them begins the count anew")
    func busy() {
        let control = WorkerControl(name: "w", queueCount: 2)
        control.note(idleAt: [1], queue: 0)
        control.note(idleAt: [1], queue: 1)
        control.note(idleAt: [1], queue: 0)
        control.note(idleAt: nil, queue: 1)
        control.note(idleAt: [1], queue: 0)
        #expect(!control.isStopping)
        control.note(idleAt: [1], queue: 1)
        control.note(idleAt: [1], queue: 0)
        #expect(!control.isStopping)
        control.note(idleAt: [1], queue: 1)
        #expect(control.isStopping)
    }
}
