/// A condition did not come true in time.
public struct NeverHappened: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds. Errors that it throws count as "not yet", and the last one is told in the end.
///
/// - Throws: ``NeverHappened`` after `limit`; what the task was cancelled with, if it was.
public func eventually(
    _ what: String,
    within limit: Duration = .seconds(20),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    var lastError: (any Error)?
    repeat {
        do {
            if try await condition() { return }
            lastError = nil
        } catch {
            lastError = error
        }
        try await Task.sleep(for: .milliseconds(20))
    } while ContinuousClock.now < end
    throw NeverHappened(
        description: "\(what): not within \(limit)" + (lastError.map { "; last error: \($0)" } ?? "")
    )
}
