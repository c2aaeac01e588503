extension Queue {
    /// Refuses orders for a replay's queue: its workers follow the replay's own records and no others.
    ///
    /// - Throws: ``InputError`` that says what they obey.
    func requireLive() throws(InputError) {
        guard replay == nil else { throw InputError("its workers would not obey: \(replayAdvice)") }
    }

    /// Of a replay's queue, what it obeys.
    var replayAdvice: String {
        "\(name) is a replay: kokanee replay pause|resume|rate|cancel \(replay ?? "ID")"
    }
}
