internal import RdKafka
internal import Synchronization

/// What partition 0 of a queue's state topic says of its schedules.
final class ScheduleBook: Sendable {
    private struct State {
        var states: [String: ScheduleState] = [:]
        var done: [String: Set<String>] = [:]
    }

    private let state = Mutex(State())

    var states: [String: ScheduleState] { state.withLock { $0.states } }

    /// Of all schedules of which there is a record.
    var names: Set<String> { state.withLock { Set($0.states.keys).union($0.done.keys) } }

    /// The jobs of a schedule that have come to their ends, as far as that is still noted.
    func done(_ name: String) -> Set<String> { state.withLock { $0.done[name] ?? [] } }

    /// Takes note of a record, whatever it is; they come in the log's order.
    func take(_ record: Record) {
        guard let key = record.key, key.count < 4096 else { return }
        take(key: key.text, value: record.value?.array)
    }

    func take(key: String, value: [UInt8]?) {
        if let name = ScheduleState.name(key: key) {
            guard let value else { return state.withLock { $0.states[name] = nil } }
            guard let new = ScheduleState(value: value) else { return }
            // What is written here is known before it is read.
            state.withLock { state in
                if new.tick >= state.states[name]?.tick ?? .min { state.states[name] = new }
            }
        } else if let done = ScheduleDone(key: key) {
            state.withLock { state in
                if value == nil {
                    state.done[done.name]?.remove(done.job)
                    if state.done[done.name]?.isEmpty == true { state.done[done.name] = nil }
                } else {
                    state.done[done.name, default: []].insert(done.job)
                }
            }
        }
    }
}
