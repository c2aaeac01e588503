/// An input that a promise did not hold for.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What anybody may send to one part of Kokanee, and what that part promises about all of it.
///
/// An input is any bytes. ``run`` reads them as the part would, and throws a ``Violation`` where a promise is broken; a
/// crash is one too.
struct FuzzTarget: Sendable {
    /// The name of its corpus' folder.
    let name: String
    let run: @Sendable (_ input: [UInt8]) throws -> Void

    static let all: [FuzzTarget] = [
        wireHeaders, envelope, structured, completionMap, commitMetadata, verdict, handler, jobLines, properties,
        duration, ladder, time, json, partitionRanges, payload, expression,
    ]
}

/// Throws a ``Violation`` unless `condition` holds.
func require(_ condition: Bool, _ promise: @autoclosure () -> String) throws {
    guard condition else { throw Violation(promise()) }
}

func requireEqual<Value: Equatable>(_ left: Value, _ right: Value, _ promise: String) throws {
    guard left == right else { throw Violation("\(promise): \(left) is not \(right)") }
}
