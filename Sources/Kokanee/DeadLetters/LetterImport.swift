internal import RdKafka

/// Puts the jobs of exported and edited letters back, a line a letter.
///
/// Each job goes to the main topic as attempt 1, with its id, and its letter gets its verdict in the same transaction. With
/// the letter's key it goes to the letter's partition; with another one to that which the partitioner chooses for it. A
/// letter that has a verdict is passed over, so that a file may be imported again after it was cut short.
///
///     var work = try await letters.beginImport(executes: true)
///     try await work.take(lines) { print($0) }
public struct LetterImport: Sendable {
    public struct Line: Sendable {
        /// The first is 1.
        public var number: Int
        public var bytes: [UInt8]

        public init(number: Int, bytes: [UInt8]) {
            self.number = number
            self.bytes = bytes
        }
    }

    /// A line whose job does not go back, and why.
    public struct Refusal: Sendable, Equatable {
        public let line: Int
        public let reason: String
        /// Its letter has a verdict already; nothing is wrong with the line.
        public let isSettled: Bool
    }

    /// What became of lines, or would.
    public struct Tally: Sendable, Equatable {
        /// Jobs that go back as they were.
        public internal(set) var same = 0
        /// Jobs that go back with another type, version, key or payload.
        public internal(set) var edited = 0
        /// Those of them that have another key.
        public internal(set) var rekeyed = 0
        /// Lines whose letters have verdicts already.
        public internal(set) var settled = 0
        /// Lines that are wrong.
        public internal(set) var refused = 0

        /// Jobs that went back, or would.
        public var jobs: Int { same + edited }
        /// Lines that were dealt with.
        public var lines: Int { jobs + settled + refused }
    }

    /// The most bytes of letters in memory at a time, if they are more than one.
    private static let budget = 32 * 1024 * 1024
    private static let most = 5000

    public private(set) var tally = Tally()
    /// A line was wrong, and nothing that follows is looked at.
    public private(set) var hasEnded = false

    private let letters: DeadLetters
    private let reason: String?
    private let keepsGoing: Bool
    private let ranges: [TopicPartition: Range<Int64>]
    private let verdicts: VerdictIndex
    private var writer: DecisionWriter?
    /// In which line a letter was seen first.
    private var seen: [LetterPlace: Int] = [:]

    init(_ letters: DeadLetters, executes: Bool, keepsGoing: Bool, reason: String?, rate: Rate?) async throws {
        self.letters = letters
        self.reason = reason
        // What is only looked at is looked at whole.
        self.keepsGoing = keepsGoing || !executes
        let layout = try await letters.layout()
        // Before the verdicts are read: what somebody else was about to decide is decided then, or will never be.
        writer = executes ? try await DecisionWriter(letters, rate: rate) : nil
        verdicts = try await letters.verdicts(layout, executes ? .complete : .asFarAsCommitted)
        ranges = try await letters.admin.extents(of: layout.deadLetters)
    }

    private struct Candidate {
        let number: Int
        let line: LetterLine
        let place: LetterPlace
    }

    /// The end of an import at a wrong line.
    private struct Ended: Error {}

    /// Deals with lines, in their order. After a wrong one, unless it keeps going, nothing is sent.
    ///
    /// - Parameters:
    ///   - progress: called after each transaction.
    ///   - report: called with the lines whose jobs don't go back.
    /// - Throws: ``KafkaError``, or `CancellationError` between two transactions. ``tally`` says what was done.
    public mutating func take(
        _ lines: [Line],
        progress: (Tally) -> Void = { _ in },
        report: (Refusal) -> Void
    ) async throws {
        do {
            var candidates: [Candidate] = []
            for line in lines where !hasEnded {
                do {
                    candidates.append(try candidate(line))
                } catch {
                    // What stands before it goes first.
                    try await settle(candidates[...], progress, report)
                    candidates = []
                    try refuse(line.number, "\(error)", report)
                }
                if candidates.count == Self.most {
                    try await settle(candidates[...], progress, report)
                    candidates = []
                }
            }
            try await settle(candidates[...], progress, report)
        } catch is Ended {
            hasEnded = true
        }
    }

    private mutating func refuse(_ line: Int, _ reason: String, _ report: (Refusal) -> Void) throws {
        tally.refused += 1
        report(Refusal(line: line, reason: reason, isSettled: false))
        guard keepsGoing else { throw Ended() }
    }

    /// - Throws: where the line can't be read, or names no letter that could be there.
    private mutating func candidate(_ line: Line) throws -> Candidate {
        let parsed = try LetterLine(line.bytes)
        let origin = parsed.place
        let topic = letters.queue.deadLetterTopic
        guard origin.topic == topic else { throw InputError("\(origin) is not a letter of \(topic)") }
        let partition = TopicPartition(topic: topic, partition: origin.partition)
        guard ranges[partition]?.contains(origin.offset) == true else {
            throw InputError("there is no letter \(origin): retention has taken it, or it never was")
        }
        let place = LetterPlace(partition: origin.partition, offset: origin.offset)
        if let first = seen[place] { throw InputError("\(origin) is the letter of line \(first), too") }
        seen[place] = line.number
        return Candidate(number: line.number, line: parsed, place: place)
    }

    /// Deals with lines whose letters may be there; by halves where their letters are too much for the memory.
    private mutating func settle(
        _ candidates: ArraySlice<Candidate>,
        _ progress: (Tally) -> Void,
        _ report: (Refusal) -> Void
    ) async throws {
        guard !candidates.isEmpty else { return }
        guard let known = try await read(candidates) else {
            let middle = candidates.startIndex + candidates.count / 2
            try await settle(candidates[..<middle], progress, report)
            return try await settle(candidates[middle...], progress, report)
        }
        var decisions: [LetterDecision] = []
        for candidate in candidates {
            if let verdict = settledBefore(candidate, known) {
                tally.settled += 1
                let reason = "its letter has the verdict \(verdict) already"
                report(Refusal(line: candidate.number, reason: reason, isSettled: true))
                continue
            }
            do {
                decisions.append(try decision(candidate, known))
            } catch let error as InputError {
                try await write(decisions, progress, report)
                decisions = []
                try refuse(candidate.number, error.message, report)
            }
        }
        try await write(decisions, progress, report)
    }

    private func settledBefore(_ candidate: Candidate, _ known: [LetterPlace: LetterParts]) -> Verdict? {
        known[candidate.place].flatMap {
            verdicts.verdict(at: candidate.place, letterTimestamp: $0.timestamp)
        }
    }

    private func decision(_ candidate: Candidate, _ known: [LetterPlace: LetterParts]) throws -> LetterDecision {
        guard let letter = known[candidate.place] else {
            throw InputError("there is no letter \(candidate.line.place): retention has taken it, or it never was")
        }
        let queue = letters.queue
        let job = try LetterMending(letter, candidate.line, defaultType: queue.defaultType).job()
        let partition = job.change.hasOtherKey ? nil : letter.place.partition
        let record = ProducerRecord(
            topic: queue.mainTopic,
            partition: partition,
            key: job.key,
            value: job.value,
            headers: letters.jobHeaders(copying: job.headers, from: letter.place)
        )
        let verdict = VerdictRecord(
            .retried,
            at: 0,
            by: letters.operatorName,
            job: candidate.line.id,
            letterTimestamp: letter.timestamp,
            reason: reason,
            destination: partition.map { "\(queue.mainTopic)/\($0)" } ?? queue.mainTopic
        )
        return LetterDecision(
            id: candidate.line.id,
            size: (job.key?.count ?? 0) + (job.value?.count ?? 0),
            place: candidate.place,
            job: record,
            verdict: verdict,
            line: candidate.number,
            change: job.change
        )
    }

    /// The letters of these lines, by place; nil where they are too much for the memory, and more than one.
    private func read(_ candidates: ArraySlice<Candidate>) async throws -> [LetterPlace: LetterParts]? {
        var stretches: [TopicPartition: Range<Int64>] = [:]
        var wanted: Set<LetterPlace> = []
        for place in candidates.lazy.map(\.place) {
            let partition = TopicPartition(topic: letters.queue.deadLetterTopic, partition: place.partition)
            let known = stretches[partition] ?? place.offset..<place.offset + 1
            stretches[partition] = min(known.lowerBound, place.offset)..<max(known.upperBound, place.offset + 1)
            wanted.insert(place)
        }
        let found = Gathering((letters: [LetterPlace: LetterParts](), bytes: 0))
        let (places, isBounded) = (wanted, candidates.count > 1)
        let configuration = letters.lookupConfiguration(stretches.count)
        try await TopicReader.read(stretches, configuration: configuration) { record in
            let place = LetterPlace(partition: record.partition, offset: record.offset)
            guard places.contains(place) else { return true }
            let parts = LetterParts(record)
            return found.mutate { found in
                found.letters[place] = parts
                found.bytes += record.size
                return !isBounded || found.bytes <= Self.budget
            }
        }
        let result = found.value
        return isBounded && result.bytes > Self.budget ? nil : result.letters
    }

    private mutating func write(
        _ decisions: [LetterDecision],
        _ progress: (Tally) -> Void,
        _ report: (Refusal) -> Void
    ) async throws {
        guard !decisions.isEmpty else { return }
        var tally = tally
        defer { self.tally = tally }
        func count(_ done: ArraySlice<LetterDecision>) {
            for change in done.lazy.map(\.change) {
                if change.isEdited { tally.edited += 1 } else { tally.same += 1 }
                if change.hasOtherKey { tally.rekeyed += 1 }
            }
        }
        guard writer != nil else { return count(decisions[...]) }
        let keepsGoing = keepsGoing
        try await writer?.write(decisions) { done, refusal in
            guard let refusal else {
                count(done)
                return progress(tally)
            }
            for decision in done {
                tally.refused += 1
                report(Refusal(line: decision.line, reason: refusal, isSettled: false))
            }
            guard keepsGoing else { throw Ended() }
        }
    }
}

extension DeadLetters {
    /// Calls `each` with a line of JSON for each letter that `filter` means, without its line break, by partition and
    /// offset: what ``LetterImport`` reads.
    ///
    /// - Parameter progress: told of the letters that were looked at.
    public func export(
        _ filter: DeadLetterFilter,
        progress: Progress? = nil,
        each: ([UInt8]) throws -> Void
    ) async throws -> Findings {
        let layout = try await layout()
        let verdicts = try await verdicts(layout, .asFarAsCommitted)
        let search = try await search(filter, layout, verdicts, progress)
        let references = search.references.sorted { $0.place < $1.place }
        let defaultType = queue.defaultType
        for part in references.parts(ofAtMost: Self.partSize, bytes: Self.partBytes) {
            let lines = try await read(part) { record, place in
                let decoded = Envelope.decodeDeadLetter(record, defaultType: defaultType)
                let note = verdicts.note(at: place, letterTimestamp: record.timestamp)
                return LetterLine.text(of: WholeDeadLetter(record, decoded, note, nil))
            }
            for line in lines { try each(line) }
        }
        return findings(search, references)
    }

    /// Begins to put edited letters back.
    ///
    /// - Parameters:
    ///   - executes: false only tells what would be done, and looks at all lines, whatever is wrong with some.
    ///   - keepsGoing: after a wrong line, too.
    ///   - reason: kept with the verdicts.
    ///   - rate: at most so many jobs go back; nil is as fast as the brokers take them.
    /// - Throws: ``TopicError``, ``KafkaError``.
    public func beginImport(
        executes: Bool,
        keepsGoing: Bool = false,
        reason: String? = nil,
        rate: Rate? = nil
    ) async throws -> LetterImport {
        try await LetterImport(self, executes: executes, keepsGoing: keepsGoing, reason: reason, rate: rate)
    }
}
