internal import Glibc
public import RdKafka

/// Executes each attempt as one run of a command: the payload is its standard input, its exit status the verdict.
///
/// The command is run by `/bin/sh -c` in a process group of its own, with this program's environment and
///
/// | variable | is |
/// | --- | --- |
/// | `KOKANEE_JOB_ID` | the job's id |
/// | `KOKANEE_JOB_TYPE` | its type |
/// | `KOKANEE_JOB_ATTEMPT` | the attempt's number, from 1 |
/// | `KOKANEE_JOB_SOURCE` | where the record stands that it was read from: `topic/partition/offset` |
/// | `KOKANEE_JOB_KEY` | the ordering key's bytes; not set where the job has none |
/// | `KOKANEE_REPLAY` | the id of the replay that the attempt belongs to; not set where it belongs to none |
/// | `TRACEPARENT`, `TRACESTATE` | the trace that the job belongs to; not set where it belongs to none |
/// | `KOKANEE_REHEARSAL` | `1` where the command is to have no effect on the world, which is its own to heed; else not set |
///
/// Exit status 0 completes the job, 75 (`EX_TEMPFAIL`) retries it, 65 (`EX_DATAERR`) makes it a dead letter; any other, and
/// death by a signal, is an error that the retry policy decides on. The error is the end of what the command wrote to its
/// standard error. Both its output streams go to the log, a line at a time, never to this program's standard output.
///
/// Where the system is short of descriptors, processes or memory for one more command, attempts wait until it is not.
///
/// A command need not read its input. What is left of its process group when it ends is killed. No call here blocks: one OS
/// thread moves all bytes and watches all processes. Call ``close(within:)`` at the end.
public final class CommandHandler: JobHandler, Sendable {
    private let thread: LoopThread<CommandLoop.Command>

    /// - Parameters:
    ///   - command: for `/bin/sh -c`.
    ///   - count: how many run at once, at least 1; attempts beyond it wait in order.
    ///   - grace: from the SIGTERM that stops a cancelled attempt's group to its SIGKILL.
    /// - Throws: where the system grants no thread or pipe.
    public init(command: String, count: Int, grace: Duration = .seconds(2), logger: Logger) throws {
        thread = try LoopThread { inbox in
            CommandLoop(command: command, count: max(1, count), grace: grace, logger: logger, inbox: inbox).run()
        }
    }

    deinit {
        _ = thread.inbox.send(.close(within: .zero, nil))
    }

    /// Why no run of the command can do anything, where that can be told without one: it is the path of no program.
    package static func problem(of command: String) -> String? {
        guard let program = Program.words(of: command)?.first, access(program, X_OK) != 0 else { return nil }
        return "\(program): \(String(cString: strerror(errno)))"
    }

    /// Runs the command once.
    ///
    /// - Throws: a ``JobError`` for the exit statuses 75 and 65, and a dead letter for an id, type or key that holds a NUL
    ///   byte, or is too long, for an environment variable; ``HandlerError`` for other exits; `CancellationError` as
    ///   soon as the task is cancelled.
    public func perform(_ payload: Bytes, _ context: JobContext) async throws {
        let variables = try Self.environment(of: context)
        let (id, input) = (context.id, payload.array)
        try await thread.execute(CommandLoop.Job(id: id, context: context, input: input, variables: variables))
    }

    /// Waits for the running commands; those that still run after `limit` get a SIGTERM, and a SIGKILL after the grace.
    ///
    /// Attempts that wait for their turn fail at once with ``HandlerError/Code/closed``.
    public func close(within limit: Duration) async {
        await thread.close(within: limit)
    }

    static let variablePrefix = "KOKANEE_JOB_"
    static let replayVariable = "KOKANEE_REPLAY"
    static let rehearsalVariable = "KOKANEE_REHEARSAL"
    /// What variables begin with that are ours to set.
    static let ownVariables = [
        variablePrefix, "\(replayVariable)=", "\(rehearsalVariable)=", "TRACEPARENT=", "TRACESTATE=",
    ]

    static func environment(of context: JobContext) throws -> [[UInt8]] {
        var values: [(name: String, value: [UInt8])] = [
            ("ID", Array(context.id.utf8)), ("TYPE", Array(context.type.utf8)),
            ("ATTEMPT", Array(String(context.attempt).utf8)),
            ("SOURCE", Array(context.source.description.utf8)),
        ]
        if let key = context.key { values.append(("KEY", key.array)) }
        let variables = try values.map { name, value in
            // It would end the variable early: another job's name. No later attempt can do better.
            guard !value.contains(0) else {
                throw JobError.deadLetter("the job's \(name.lowercased()) has a NUL byte, which no variable can hold")
            }
            return Array("\(variablePrefix)\(name)=".utf8) + value
        }
        let replay = context.replay.map { [Array("\(replayVariable)=\($0)".utf8)] } ?? []
        let trace = context.traceContext.map { trace in
            ["TRACEPARENT=\(trace.traceparent)"] + (trace.state.map { ["TRACESTATE=\($0)"] } ?? [])
        }
        return variables + replay + (trace ?? []).map { Array($0.utf8) }
            + (context.isRehearsal ? [Array("\(rehearsalVariable)=1".utf8)] : [])
    }
}
