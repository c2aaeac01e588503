/// What a handler process says of itself, before its first answer: `{"hello":{"cancel":true}}`.
///
/// Only one that has said so is written lines that are no jobs: a handler that takes each line for a job would run them.
struct HandlerHello: Equatable {
    /// Whether it reads its input while it works, and heeds `cancel` and `stop`.
    var canCancel: Bool

    /// Nil where the line is anything else.
    init?(_ line: UnsafeRawBufferPointer) {
        // Nearly all lines are answers, and begin with their job's id.
        guard line.count < 4096, let fields = JSONFields(Array(line)), let hello = fields.object("hello") else {
            return nil
        }
        canCancel = hello.boolean("cancel") ?? false
    }
}

extension HandlerRequest {
    /// The job in hand has to end, within the grace.
    static func cancel(_ id: String) -> [UInt8] { word("cancel", id) }

    /// The job in hand had better end soon, where it can go on from: it is to go on elsewhere.
    static func stop(_ id: String) -> [UInt8] { word("stop", id) }

    private static func word(_ word: String, _ id: String) -> [UInt8] {
        var object = JSONObjectWriter()
        object.add("id", id)
        object.add(word, true)
        return object.finish() + [UInt8(ascii: "\n")]
    }
}
