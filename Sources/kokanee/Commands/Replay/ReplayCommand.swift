internal import Kokanee

extension Command {
    static let replay = Command(
        name: "replay",
        summary: "Runs history again: beside live work, as a rehearsal, or by resetting offsets.",
        discussion: """
            A side replay runs a part of a queue's history under a group, a ladder and dead letters of its own; live work \
            goes on. Without --execute it only prints the plan. With --execute and --handler or --exec it also runs it; \
            other processes join with `replay work ID`. With --rehearse the jobs run through the handler and nothing is \
            produced or committed; the handler is told, and has to leave its effects undone: by `"rehearsal":true` in \
            its requests, or by KOKANEE_REHEARSAL=1. The report says what would happen.
            With --reset the offsets of the queue's group are moved instead: of the main topic only, jobs on the ladder \
            stay where they are. That is refused while the group has members, unless --live asks them to do it \
            themselves. Where the broker takes commits of members only, as the embedded one does, it joins the empty \
            group to do so. A queue that is named as one of the commands stands behind `--` and all flags.
            """,
        examples: [
            .init(
                "kokanee replay orders --from 2026-07-07T00:00:00Z --to 2026-07-09T00:00:00Z --type invoice.send",
                "what that would be"
            ),
            .init("kokanee replay orders --from -2d --only-completed-by 4711 --rehearse --handler ./fixed.py", "dry"),
            .init(
                "kokanee replay orders --from -2d --only-completed-by 4711 --execute --handler ./fixed.py",
                "for good"
            ),
            .init(
                "kokanee replay orders --from -1h --where 'data.country == \"NO\"' --rate 50/s --execute",
                "to be joined"
            ),
            .init("kokanee replay orders --reset --by-duration 2h", "what the last two hours would be"),
            .init("kokanee replay orders --reset --to-datetime 2026-07-01T12:00:00Z --execute", "as Kafka's own tool"),
            .init("kokanee replay orders --reset --shift-by -100 --live --execute", "while the fleet works"),
        ],
        arguments: [Argument("QUEUE", "the queue")],
        options: selectionOptions + sideReplayOptions + resetOptions + handlerOptions + [
            .flag("execute", "do it"),
            .flag("dry-run", "only say what would be done, as without --execute"),
            .value("by", "WHO", "who does it, for the record", default: "USER@HOST"),
            .value("reason", "TEXT", "why, for the record"),
        ],
        exclusive: [
            resetTargets, ["execute", "dry-run"], ["handler", "exec"], ["write-ahead", "exec"], ["rehearse", "reset"],
            ["rehearse", "execute"],
        ],
        subcommands: [
            replayList, replayShow, replayWork, replayPause, replayResume, replayRate, replayCancel, replayUndo,
        ],
        interruption: .isHandled,
        run: runReplay
    )

    private static func runReplay(_ context: Context) async throws {
        let values = context.values
        let selecting = selectionFlags.filter { $0 != "clock" && values.isSet($0) }
        if values.isSet("reset") {
            if let flag = selecting.first(where: { $0 != "offsets" }) ?? sideReplayFlags.first(where: values.isSet) {
                throw values.error("--\(flag) is for a side replay, and goes without --reset")
            }
            if let flag = handlerOptions.map(\.long).first(where: values.isSet) {
                throw values.error("--\(flag) is for running jobs, and goes without --reset, which runs none")
            }
            return try await runReset(context)
        }
        if let flag = resetTargets.first(where: { $0 != "offsets" && values.isSet($0) }) {
            throw values.error("--\(flag) goes with --reset")
        }
        if values.isSet("clock"), !values.isSet("from"), !values.isSet("to") {
            throw values.error("--clock goes with --from or --to")
        }
        guard !values.isSet("group") else { throw values.error("--group goes with --reset: a replay has its own") }
        guard !values.isSet("live") else { throw values.error("--live goes with --reset") }
        guard !selecting.isEmpty else {
            throw values.error("what is to be replayed? --from TIME, or another of the flags that select; or --reset")
        }
        if values.isSet("rehearse") {
            try await runRehearsal(context)
        } else {
            try await runSideReplay(context)
        }
    }
}
