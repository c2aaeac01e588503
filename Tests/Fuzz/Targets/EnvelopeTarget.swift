import RdKafka

@testable import Kokanee

extension FuzzTarget {
    /// Headers and a value, in parts that 0x1E ends: the value, then `name 0x1F value`; a name alone has a null value.
    static let envelope = FuzzTarget(name: "envelope") { input in
        let record = FuzzRecord(input)
        let scan = HeaderScan(record.forEachHeader)
        let text = record.headers.map { Header(String(decoding: $0.name, as: UTF8.self), $0.value.map { Bytes($0) }) }
        let result = Envelope.decode(scan, at: FuzzRecord.place, value: record.value, defaultType: "default")
        try requireEqual(
            result,
            Envelope.decode(headers: text, at: FuzzRecord.place, value: record.value, defaultType: "default"),
            "borrowed and copied headers are read alike"
        )
        if case .success(let job) = result { try check(job.envelope) }
        if case .failure(let error) = result {
            try require(error.reason.utf8.count < 2048, "an error is a few words, not \(error.reason.utf8.count) bytes")
        }
        try checkHops(text, record.value, result)
    }

    /// A structured CloudEvent, as the record's value.
    static let structured = FuzzTarget(name: "structured") { input in
        let headers = [Header("content-type", "application/cloudevents+json; charset=utf-8")]
        let place = FuzzRecord.place
        switch Envelope.decode(headers: headers, at: place, value: Bytes(input), defaultType: "default") {
        case .success(let job):
            try check(job.envelope)
            try require(job.payload.count <= input.count, "a payload is no larger than its event")
        case .failure(let error):
            try require(error.reason.utf8.count < 2048, "an error is a few words, not \(error.reason.utf8.count) bytes")
        }
    }

    private static func check(_ envelope: Envelope) throws {
        for name in [envelope.id, envelope.type, envelope.idempotencyKey ?? "-"] {
            try require((1...Envelope.longestName).contains(name.utf8.count), "a name of \(name.utf8.count) bytes")
            try require(!name.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "a name has no control characters")
        }
        try require((1...1_000_000).contains(envelope.attempt), "attempt \(envelope.attempt)")
        try require((1...Int(Int32.max)).contains(envelope.version), "version \(envelope.version)")
        for time in [envelope.dueAt, envelope.expiresAt, envelope.firstFailedAt].compactMap(\.self) {
            try require((0...Timestamp.latest).contains(time), "a time of \(time)")
        }
        for error in [envelope.firstError, envelope.lastError].compactMap(\.self) {
            try require(error.utf8.count <= Envelope.Failure.maximumSize, "an error of \(error.utf8.count) bytes")
            try require(!error.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "an error is one line")
        }
        if let origin = envelope.origin {
            try requireEqual(Envelope.Origin(text: origin.description), origin, "an origin is read back")
        }
    }

    /// The job's way over two rungs to the dead letters and back.
    private static func checkHops(
        _ headers: [Header],
        _ value: Bytes?,
        _ first: Result<DecodedJob, EnvelopeError>
    ) throws {
        let foreign = headers.filter { HeaderName(rawValue: $0.name) == nil }
        let failure = Envelope.Failure(type: "E", message: headers.map(\.name).joined(separator: "\n"), at: 1000)
        var moved = headers
        for attempt in 2...3 {
            let place = Envelope.Origin(topic: "q.retry.1m", partition: 3, offset: Int64(attempt))
            moved = Envelope.rungHeaders(copying: moved, from: place, attempt: attempt, dueAt: 7, failure: failure)
            try require(size(moved) < size(headers) + 4096, "headers grow by less than 4 KiB")
            try requireEqual(
                moved.filter { HeaderName(rawValue: $0.name) == nil },
                foreign,
                "unknown headers are carried unchanged"
            )
            let next = Envelope.decode(headers: moved, at: place, value: value, defaultType: "default")
            guard case (.success(let before), .success(let after)) = (first, next) else {
                // A hop has a due time of its own.
                let isMended = HeaderScan(headers).faultyWish == .dueAt
                let isReadable = (try? next.get()) != nil
                try require((try? first.get()) == nil && (!isReadable || isMended), "a hop changes what is readable")
                continue
            }
            try requireEqual(after.envelope.attempt, attempt, "the attempt is the hop's")
            try requireEqual(after.envelope.type, before.envelope.type, "the type stays")
            try requireEqual(after.envelope.expiresAt, before.envelope.expiresAt, "the expiry stays")
            try requireEqual(after.envelope.idempotencyKey, before.envelope.idempotencyKey, "the key stays")
            try requireEqual(after.payload, before.payload, "the payload stays")
            if before.envelope.origin == nil, foreign.count < headers.count, isCloudEvent(headers) {
                try requireEqual(after.envelope.id, before.envelope.id, "the id stays")
            }
            try check(after.envelope)
        }
        let grave = Envelope.Origin(topic: "q.dlq", partition: 3, offset: 9)
        let dead = Envelope.deadLetterHeaders(
            copying: moved,
            from: grave,
            attempt: 3,
            reason: .rejected,
            failure: failure,
            at: 2000
        )
        let letter = Envelope.decodeDeadLetter(headers: dead, at: grave, value: value, defaultType: "default")
        try requireEqual(letter.reason, .rejected, "a letter has its reason")
        try requireEqual(letter.diedAt, 2000, "a letter has its time")
        try check(letter.envelope)
        for cut in [Envelope.Cut.headers, .payload] {
            let rest = Envelope.withoutUnknown(dead, cut: cut)
            try require(size(rest) < 32 << 10, "what is kept of a letter's headers is bounded")
            try requireEqual(Envelope.Cut(rest), cut, "a letter says what it lacks")
        }
        let again = Envelope.retryHeaders(copying: dead, from: grave)
        let retried = Envelope.decode(headers: again, at: grave, value: value, defaultType: "default")
        try requireEqual((try? retried.get())?.envelope.attempt ?? 1, 1, "a retried letter begins anew")
        try require((try? retried.get()) != nil || (try? first.get()) == nil, "a retried letter is readable")
    }

    private static func isCloudEvent(_ headers: [Header]) -> Bool {
        HeaderScan(headers).isCloudEvent
    }

    private static func size(_ headers: [Header]) -> Int {
        headers.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) }
    }
}

/// A record without a broker: headers as the wire has them, whose names need not be UTF-8.
struct FuzzRecord {
    static let place = Envelope.Origin(topic: "q", partition: 3, offset: 1 << 40)

    let value: Bytes?
    let headers: [(name: [UInt8], value: [UInt8]?)]

    init(_ input: [UInt8]) {
        let parts = input.split(separator: 0x1E, omittingEmptySubsequences: false)
        value = parts.first.flatMap { $0.isEmpty ? nil : Bytes(Array($0)) }
        headers = parts.dropFirst().map { part in
            let sides = part.split(separator: 0x1F, maxSplits: 1, omittingEmptySubsequences: false)
            // librdkafka's names end with a NUL.
            return (Array(sides[0].prefix { $0 != 0 }), sides.count > 1 ? Array(sides[1]) : nil)
        }
    }

    func forEachHeader(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) -> Void) {
        for header in headers {
            header.name.withUnsafeBytes { name in
                guard let value = header.value else { return body(name, nil) }
                value.withUnsafeBytes { body(name, $0) }
            }
        }
    }
}
