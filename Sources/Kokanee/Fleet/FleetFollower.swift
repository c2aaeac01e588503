internal import RdKafka

/// Has all parts of a worker hear of what `kokanee.control` says to them, through one client and one thread.
final class FleetFollower: Sendable {
    /// What one part of a worker cares for.
    struct Subscription: Sendable {
        /// Of its keys.
        let prefix: String
        /// Called with each entry that was there, the newest of each key, and then with each change.
        let changed: @Sendable (ControlFollower.Change) -> Void
        /// Called when all that was there has been told of, or when it is certain that nothing will be.
        let caughtUp: @Sendable () -> Void

        init(
            prefix: String,
            caughtUp: @escaping @Sendable () -> Void = {},
            changed: @escaping @Sendable (ControlFollower.Change) -> Void
        ) {
            self.prefix = prefix
            self.caughtUp = caughtUp
            self.changed = changed
        }
    }

    private let follower: ControlFollower

    /// The subscriptions' closures are called on one thread, which reads nothing meanwhile; where several have a key
    /// in common, in their order.
    ///
    /// - Parameter topics: what the worker works: where a broker knows any of them, and no control topic, there is none.
    /// - Throws: ``KafkaError`` where librdkafka refuses a property.
    init(
        _ subscriptions: [Subscription],
        besides topics: Set<String>,
        _ client: ClientConfiguration,
        logger: Logger
    ) throws(KafkaError) {
        follower = try ControlFollower(
            prefixes: subscriptions.map(\.prefix),
            besides: topics,
            configuration: client,
            logger: logger,
            caughtUp: { for subscription in subscriptions { subscription.caughtUp() } },
            failed: { error in
                // Who may not read the topic is not waited for: nobody can order this worker about.
                guard error.code == .topicAuthorizationFailed else { return }
                for subscription in subscriptions { subscription.caughtUp() }
            },
            changed: { change in
                for subscription in subscriptions where change.key.hasPrefix(subscription.prefix) {
                    subscription.changed(change)
                }
            }
        )
    }

    /// Ends it; returns at once.
    func stop() {
        follower.stop()
    }
}
