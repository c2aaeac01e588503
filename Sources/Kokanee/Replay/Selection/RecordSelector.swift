internal import RdKafka

/// Tells of each record of a queue's main topic whether a ``Selection`` means it.
///
/// What costs nothing is asked first: partition, offset, time and key; then the headers, in one pass that makes
/// nothing; the payload last. What can't be told from a record alone, ids of a file aside, is in the listed offsets.
struct RecordSelector: Sendable {
    enum Verdict: Sendable, Equatable {
        case matches
        case passed
        /// It has no time, and a range of time was asked for.
        case undated
        /// It can't be read as a job, or its payload is no JSON, and that was asked for.
        case unreadable
    }

    private let partitions: Set<Int32>?
    private let stretches: [Int32: [Range<Int64>]]?
    /// Nil where the offsets are not listed; a partition that is not in it has none.
    private(set) var listed: [Int32: OffsetSet]?
    private let times: Range<Int64>?
    private let clock: Selection.Clock
    private let keys: ByteSet?
    private let versions: [Int]
    private let question: HeaderQuestion
    private let asksHeaders: Bool
    private let expression: PayloadExpression?

    /// - Parameters:
    ///   - defaultType: the queue's.
    ///   - listed: the offsets that were found when the plan was made, by partition; nil where the plan has none.
    /// - Throws: ``InputError`` where the expression is wrong.
    init(_ selection: Selection, defaultType: String, listed: [Int32: OffsetSet]? = nil) throws {
        partitions = selection.partitions.map { Set($0) }
        stretches = selection.stretches.map { stretches in
            var ranges: [Int32: [Range<Int64>]] = [:]
            for stretch in stretches {
                let from = max(0, stretch.from ?? 0)
                ranges[stretch.partition, default: []].append(from..<max(from, stretch.to ?? .max))
            }
            return ranges
        }
        self.listed = listed
        let from = selection.from ?? .min
        times = selection.from == nil && selection.to == nil ? nil : from..<max(from, selection.to ?? .max)
        clock = selection.clock
        keys = selection.keys.isEmpty ? nil : ByteSet(selection.keys)
        versions = selection.versions
        expression = try selection.expression.map { try PayloadExpression($0) }
        question = HeaderQuestion(
            types: selection.types.isEmpty ? nil : ByteSet(selection.types),
            ids: selection.ids.map { ByteSet($0) },
            asksTime: times != nil && clock == .event,
            wantsNames: expression?.asksEnvelope == true,
            defaultType: defaultType
        )
        asksHeaders =
            question.types != nil || question.ids != nil || question.asksTime || !versions.isEmpty
            || expression.map { $0.asksEnvelope || $0.asksPayload } == true
    }

    /// The ids that are asked for.
    var ids: ByteSet? { question.ids }

    /// Takes the listed offsets of a partition, in the place of those that it had.
    mutating func list(_ offsets: OffsetSet, of partition: Int32) {
        listed = listed ?? [:]
        listed?[partition] = offsets
    }

    /// Forgets the listed offsets of a partition: it matches nothing from then on.
    mutating func forgetListed(of partition: Int32) {
        listed?[partition] = nil
    }

    func verdict(on record: Record) -> Verdict {
        withExtendedLifetime(record) { verdict(on: record.storage.message, of: record.partition) }
    }

    /// - Parameters:
    ///   - message: of an owner that lives on.
    ///   - partition: the message's.
    func verdict(on message: ConsumedMessage, of partition: Int32) -> Verdict {
        look(at: message, of: partition).verdict
    }

    /// As ``verdict(on:of:)``; of a record that matches by its id also which of ``ids`` that is.
    func look(at message: ConsumedMessage, of partition: Int32) -> (verdict: Verdict, id: Int?) {
        if let verdict = glance(message, partition) { return (verdict, nil) }
        guard asksHeaders else { return (expression.map { ask($0, message, nil) } ?? .matches, nil) }
        guard let headers = SelectedHeaders(message, question) else { return lookClosely(message) }
        guard question.types == nil || headers.isOfType, question.ids == nil || headers.idIndex != nil,
            versions.isEmpty || versions.contains(headers.version)
        else { return (.passed, nil) }
        if question.asksTime, let verdict = judge(time: headers.time) { return (verdict, nil) }
        return (expression.map { ask($0, message, headers) } ?? .matches, headers.idIndex)
    }

    /// Whether a record may be meant that stands there, as far as its place tells.
    func means(_ offset: Int64, of partition: Int32) -> Bool {
        if let partitions, !partitions.contains(partition) { return false }
        if let stretches, stretches[partition]?.contains(where: { $0.contains(offset) }) != true { return false }
        return listed.map { $0[partition]?.contains(offset) == true } ?? true
    }

    /// What can be said without headers and payload; nil is that nothing speaks against it.
    private func glance(_ message: ConsumedMessage, _ partition: Int32) -> Verdict? {
        guard means(message.offset, of: partition) else { return .passed }
        if let times, clock == .record {
            let time = message.timestamp
            guard time >= 0 else { return .undated }
            guard times.contains(time) else { return .passed }
        }
        if let keys {
            guard let key = message.key, keys.contains(key) else { return .passed }
        }
        return nil
    }

    private func judge(time: Int64?) -> Verdict? {
        guard let times else { return nil }
        guard let time else { return .undated }
        return times.contains(time) ? nil : .passed
    }

    private func ask(_ expression: PayloadExpression, _ message: ConsumedMessage, _ headers: SelectedHeaders?)
        -> Verdict
    {
        var (type, id) = (headers?.type ?? "", headers?.id ?? "")
        let answer = type.withUTF8 { type in
            id.withUTF8 { id in
                expression.answer(
                    ExpressionSubject(
                        payload: message.value ?? UnsafeRawBufferPointer(start: nil, count: 0),
                        type: UnsafeRawBufferPointer(type),
                        id: UnsafeRawBufferPointer(id),
                        key: message.key,
                        version: headers?.version ?? 1
                    )
                )
            }
        }
        return Verdict(answer)
    }

    /// A record that is not plain, as a worker would read it.
    @inline(never)
    private func lookClosely(_ message: ConsumedMessage) -> (verdict: Verdict, id: Int?) {
        let scan = HeaderScan(message)
        let partition = message.source.topicPartition
        let place = Envelope.Origin(topic: partition.topic, partition: partition.partition, offset: message.offset)
        let value = message.value.map { Bytes(copying: $0) }
        guard case .success(let job) = Envelope.decode(scan, at: place, value: value, defaultType: question.defaultType)
        else { return (.unreadable, nil) }
        let id = question.ids?.index(of: job.envelope.id)
        guard question.types?.contains(job.envelope.type) ?? true, question.ids == nil || id != nil,
            versions.isEmpty || versions.contains(job.envelope.version)
        else { return (.passed, nil) }
        if question.asksTime, let verdict = judge(time: EventTime.read(message, scan)) { return (verdict, nil) }
        guard let expression else { return (.matches, id) }
        return (Verdict(expression.answer(job, key: message.key.map { Bytes(copying: $0) })), id)
    }
}

extension RecordSelector.Verdict {
    fileprivate init(_ answer: PayloadExpression.Answer) {
        self =
            switch answer {
            case .yes: .matches
            case .no: .passed
            case .unreadable: .unreadable
            }
    }
}
