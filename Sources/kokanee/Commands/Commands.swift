extension Program {
    /// All commands, in the order in which help lists them.
    static var commands: [Command] {
        [
            .broker, .topics, .enqueue, .work, .status, .top, .result, .jobs, .pause, .resume, .drain, .cancel,
            .limits, .deadLetters, .replay, .cron, .bench, .completion,
        ]
    }
}
