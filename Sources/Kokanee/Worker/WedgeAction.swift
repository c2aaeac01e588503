/// What a worker does when one of its threads hangs for good; see ``WorkerConfiguration/wedgeLimit``.
public struct WedgeAction: Sendable, Hashable {
    enum Kind {
        case endProcess
        case fail
    }

    let kind: Kind

    /// Ends the process with exit code 1, after a line on standard error and in the log: the worker would hold its
    /// partitions for ever, and nothing but the process's end is sure to give them back.
    public static let endProcess = WedgeAction(kind: .endProcess)
    /// ``Worker/run()`` throws ``WorkerWedged``. Whoever called it has to end the process soon: the worker can't be
    /// stopped any more, and holds its partitions until then.
    public static let fail = WedgeAction(kind: .fail)
}

/// A thread of a worker hangs. The process has to end: until then the worker holds its partitions.
public struct WorkerWedged: Error, Sendable, CustomStringConvertible {
    /// What hangs.
    public let alert: Alert

    public var description: String { "\(alert.text); end this process: until then it holds its partitions" }
}
