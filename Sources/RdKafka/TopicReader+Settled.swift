extension TopicReader {
    /// As ``read(_:configuration:isolation:stallTimeout:each:)``, for who needs all that is committed in `ranges`: what somebody's
    /// open transaction holds back is waited for.
    ///
    /// - Parameters:
    ///   - ranges: to the logs' own ends: see ``ClientConfiguration/seeingUncommitted``.
    ///   - operation: for the words of an error.
    /// - Throws: as it does; and ``KafkaError`` where a transaction stays open for more than 90 s: brokers end one that nobody
    ///   ends after its `transaction.timeout.ms`, a minute unless configured.
    package static func readSettled(
        _ ranges: [TopicPartition: Range<Int64>],
        configuration: ClientConfiguration,
        operation: String,
        each: @escaping @Sendable (Record) throws -> Bool
    ) async throws {
        var ranges = ranges
        let deadline = ContinuousClock.now + .seconds(90)
        while true {
            let ends = try await read(ranges, configuration: configuration, each: each)
            ranges = ranges.reduce(into: [:]) { rest, range in
                let end = ends[range.key] ?? range.value.lowerBound
                if end < range.value.upperBound { rest[range.key] = end..<range.value.upperBound }
            }
            guard let held = ranges.keys.min() else { return }
            guard ContinuousClock.now < deadline else {
                throw KafkaError(
                    code: .localTimedOut,
                    operation: operation,
                    message: "somebody's transaction on \(held) stays open"
                )
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}

extension ClientConfiguration {
    /// For asking where logs end, whatever transactions hold back before that.
    package var seeingUncommitted: ClientConfiguration {
        with(defaults: [:], required: ["isolation.level": IsolationLevel.readUncommitted.rawValue])
    }
}
