internal import RdKafka

extension Producer {
    /// Sends again what was refused as too large because of its neighbours.
    ///
    /// A broker holds a topic's `max.message.bytes` against a whole batch, whose records then all fail; librdkafka
    /// doesn't split it. What failed like that is sent again by halves, down to single records. They then stand
    /// behind those of the same call that did not fail.
    ///
    /// - Parameters:
    ///   - results: of the jobs, in order; those of jobs that are sent again are replaced.
    ///   - messageLimit: the producer's `message.max.bytes`; what is larger never left the client.
    func bisect(_ batch: JobBatch, messageLimit: Int, _ results: inout [Result<Delivery, KafkaError>]) async {
        var parts = [Array(results.indices)]
        while let part = parts.popLast() {
            let refused = part.filter { index in
                guard case .failure(let error) = results[index] else { return false }
                return error.isTooLarge && batch.size(of: index) <= messageLimit
            }
            guard !refused.isEmpty else { continue }
            let middle = (refused.count + 1) / 2
            for half in [refused[..<middle], refused[middle...]] where !half.isEmpty {
                let again = await send(JobBatchPart(Array(half), of: batch))
                for (position, index) in half.enumerated() { results[index] = again.result(position) }
                // A single record was alone in its batch, as far as this call goes: that verdict is its own.
                if half.count > 1 { parts.append(Array(half)) }
            }
        }
    }
}

extension KafkaError {
    var isTooLarge: Bool { code == .messageTooLarge || code == .recordListTooLarge }
}
