extension Engine {
    func logFenced(_ content: JobContent) {
        logger.log(.warning, "attempt ended after its partition was taken away; it runs again", content.fields)
    }

    func log(_ change: CircuitChange) {
        let queue = change.runtime.queue.name
        switch change.transition {
        case .opened(let dead, let ended, let pause):
            logger.log(
                .error,
                "too many jobs die: the circuit opens, and this worker starts no more of the queue's jobs; mend or roll "
                    + "back the release, then bring the dead ones back by: kokanee dlq retry",
                ["queue": queue, "dead": "\(dead)", "ended": "\(ended)", "pause": pause.text]
            )
        case .reopened(let failed, let ended, let pause):
            logger.log(
                .error,
                "the circuit stays open: the jobs that it let through failed, too",
                ["queue": queue, "failed": "\(failed)", "ended": "\(ended)", "pause": pause.text]
            )
        case .probing:
            logger.log(.info, "the circuit lets a few jobs through, to see what becomes of them", ["queue": queue])
        case .closed:
            logger.log(.info, "the circuit closes: jobs run again", ["queue": queue])
        }
    }

    /// What this build can't run is said once of each type and version, and then only to who asks for all.
    func logRefusal(_ content: JobContent, _ since: Int64) {
        let type = content.type ?? ""
        let isNews = refusalNotices.isNews(content.queueName, type, content.version)
        logger.log(
            isNews ? .warning : .debug,
            "this build can't run the job, which waits on the ladder for one that can",
            [
                "queue": content.queueName, "job": content.id, "type": type, "version": "\(content.version)",
                "since": Timestamp.text(since), "at": content.place.description,
            ]
        )
    }

    func logBurial(of content: JobContent, _ reason: DeadReason, _ failure: Envelope.Failure?) {
        logger.log(
            .warning,
            "job is a dead letter",
            [
                "queue": content.queueName, "job": content.id, "type": content.type ?? "unknown",
                "attempt": "\(content.attempt)", "reason": reason.rawValue, "error": failure?.text ?? "",
                "at": content.place.description,
            ]
        )
    }

    func logRetry(_ content: JobContent, _ wait: Int64, _ failure: Envelope.Failure) {
        logger.log(
            .info,
            "attempt failed",
            [
                "queue": content.queueName, "job": content.id, "type": content.type ?? "",
                "attempt": "\(content.attempt)", "of": "\(content.runtime.maximumAttempts)",
                "retry": Duration.milliseconds(wait).text, "error": failure.text,
            ]
        )
    }
}

extension JobContent {
    var queueName: String { runtime.queue.name }

    /// What names the job in a log line.
    var fields: KeyValuePairs<String, String> {
        ["queue": queueName, "job": id, "attempt": "\(attempt)", "at": place.description]
    }
}
