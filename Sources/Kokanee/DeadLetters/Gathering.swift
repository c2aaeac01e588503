internal import Synchronization

/// A value that a reader's thread fills and that is taken when the reading is over.
final class Gathering<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>

    init(_ value: Value) {
        storage = Mutex(value)
    }

    var value: Value { storage.withLock(\.self) }

    func mutate<R: Sendable>(_ body: (inout Value) -> R) -> R {
        storage.withLock { value in body(&value) }
    }
}
