internal import RdKafka

extension Producer {
    /// Sends records so that one which is too large does not take others with it.
    ///
    /// A broker holds a topic's `max.message.bytes` against a whole batch, whose records then all fail; librdkafka
    /// doesn't split it. What failed like that is sent again by halves, down to single records. They then stand
    /// behind those of the same call that did not fail.
    ///
    /// - Parameter messageLimit: the producer's `message.max.bytes`; what is larger never left the client.
    func sendBisecting(_ records: [ProducerRecord], messageLimit: Int) async -> [Result<Delivery, KafkaError>] {
        var results = await send(records)
        var parts = [Array(records.indices)]
        while let part = parts.popLast() {
            let refused = part.filter { index in
                guard case .failure(let error) = results[index] else { return false }
                return error.isTooLarge && records[index].size <= messageLimit
            }
            guard !refused.isEmpty else { continue }
            let middle = (refused.count + 1) / 2
            for half in [refused[..<middle], refused[middle...]] where !half.isEmpty {
                let again = await send(half.map { records[$0] })
                for (index, result) in zip(half, again) { results[index] = result }
                // A single record was alone in its batch, as far as this call goes: that verdict is its own.
                if half.count > 1 { parts.append(Array(half)) }
            }
        }
        return results
    }
}

extension KafkaError {
    var isTooLarge: Bool { code == .messageTooLarge || code == .recordListTooLarge }
}

extension ProducerRecord {
    /// The most bytes that the record takes on the wire, to which librdkafka holds its `message.max.bytes`.
    var size: Int {
        let overhead = 64
        return headers.reduce(overhead + (key?.count ?? 0) + (value?.count ?? 0)) { sum, header in
            sum + 10 + header.name.utf8.count + (header.value?.count ?? 0)
        }
    }
}
