internal import RdKafka

extension Worker {
    /// Begins to follow the control topic, on behalf of all that it can tell the worker.
    ///
    /// A queue's dispatcher begins once its rewinds' board has caught up, which is told of last: by then every other
    /// part knows what stands.
    func followFleet(_ runtimes: [QueueRuntime], _ engine: Engine) throws(KafkaError) -> FleetFollower {
        // A replay goes where its plan says, and has records of its own by which it is paused and ended.
        let live = runtimes.filter { $0.replay == nil }
        let subscriptions =
            live.flatMap { runtime in
                runtime.fleet.subscriptions(runtime, engine)
                    + [runtime.rewinds.subscription(runtime), runtime.schedules.subscription(logger)]
            }
            + runtimes.map(Self.beginning(of:))
        let topics = Set(runtimes.map(\.queue.mainTopic))
        return try FleetFollower(subscriptions, besides: topics, client, logger: logger)
    }

    private static func beginning(of runtime: QueueRuntime) -> FleetFollower.Subscription {
        // There is no such key: only the end of the beginning is of interest.
        FleetFollower.Subscription(
            prefix: "begin/\(runtime.queue.name)/",
            caughtUp: {
                runtime.rewinds.catchUp()
                runtime.wakeup.wake()
            },
            changed: { _ in }
        )
    }
}
