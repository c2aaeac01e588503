/// What can be seen of a producer from outside: that its thread goes round, and how long records wait.
package struct ProducerPulse: Sendable {
    /// What waits.
    package struct Load: Sendable {
        package var unacknowledged: Int
        /// For how long the oldest record has waited for its acknowledgement; nil where none does.
        package var oldest: Duration?

        package init(unacknowledged: Int, oldest: Duration?) {
            self.unacknowledged = unacknowledged
            self.oldest = oldest
        }
    }

    /// Rises with each turn of the polling thread, which takes 50 ms at most unless a completion holds it up.
    package var turns: Int
    /// Nil where the producer's lock was taken at that moment.
    package var load: Load?

    package init(turns: Int, load: Load?) {
        self.turns = turns
        self.load = load
    }
}
