import RdKafka
import Testing

@testable import Kokanee

private func header(_ name: String, _ value: String) -> Header { Header(name, Bytes(value)) }

extension [Header] {
    fileprivate subscript(_ name: String) -> String? {
        last { $0.name == name }?.value?.text
    }

    fileprivate var size: Int {
        reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 10 }
    }
}

private func decode(_ headers: [Header], at place: Envelope.Origin) throws -> Envelope {
    try Envelope.decode(headers: headers, at: place, value: nil, defaultType: "default").get().envelope
}

private struct Boom: Error, CustomStringConvertible {
    var description: String
}

@Suite struct EnvelopeEncodingTests {
    private let main = Envelope.Origin(topic: "orders", partition: 2, offset: 17)

    @Test("a new job reads back as it was enqueued")
    func newJob() throws {
        var envelope = Envelope(id: "i-1", type: "t", version: 4)
        envelope.dueAt = 5000
        envelope.expiresAt = 6000
        envelope.idempotencyKey = "k"
        let headers = envelope.newJobHeaders(
            source: "tests",
            at: 1_782_907_200_000,
            contentType: "application/json",
            extra: [header("traceparent", "x")]
        )
        #expect(try decode(headers, at: main) == envelope)
        #expect(headers["ce_specversion"] == "1.0")
        #expect(headers["ce_source"] == "tests")
        #expect(headers["ce_time"] == "2026-07-01T12:00:00.000Z")
        #expect(headers["content-type"] == "application/json")
        #expect(headers["traceparent"] == "x")
        let plain = Envelope(id: "i", type: "t").newJobHeaders(source: "s", at: 0, contentType: nil)
        #expect(plain.map(\.name) == ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"])
    }

    @Test("over five hops unknown headers, first error and origin stay, and the attempt counts up")
    func hopChain() throws {
        let unknown = [header("z", "1"), Header("null", nil), header("z", "2"), header("kokanee-future", "f")]
        var headers = [header("ce_specversion", "1.0"), header("ce_id", "i"), header("ce_type", "t")] + unknown
        let original = headers
        var place = main
        for attempt in 1...5 {
            let before = try decode(headers, at: place)
            #expect(before.attempt == attempt)
            headers = Envelope.rungHeaders(
                copying: headers,
                from: place,
                attempt: attempt + 1,
                dueAt: attempt == 3 ? 77 : nil,
                failure: Envelope.Failure(Boom(description: "no. \(attempt)"), at: Int64(attempt * 1000))
            )
            place = Envelope.Origin(topic: "orders.retry.\(attempt)m", partition: 2, offset: Int64(attempt))
            #expect(Array(headers.prefix(original.count)) == original)
            #expect(headers["kokanee-due-at"] == (attempt == 3 ? "77" : nil))
        }
        let letter = Envelope.deadLetterHeaders(
            copying: headers,
            from: place,
            attempt: 6,
            reason: .attemptsExhausted,
            failure: Envelope.Failure(Boom(description: "no. 6"), at: 6000),
            at: 6001
        )
        let dead = Envelope.decodeDeadLetter(headers: letter, at: place, value: nil, defaultType: "default")
        #expect(dead.attempts == 6)
        #expect(dead.envelope.origin == main)
        #expect(dead.envelope.firstFailedAt == 1000)
        #expect(dead.envelope.firstError == "Boom: no. 1")
        #expect(dead.envelope.lastError == "Boom: no. 6")
        #expect(dead.reason == .attemptsExhausted)
        #expect(dead.diedAt == 6001)
        #expect(Set(letter.map(\.name)).count == letter.count - 1)  // "z" is there twice, nothing else is

        let retried = Envelope.retryHeaders(
            copying: letter,
            from: Envelope.Origin(topic: "orders.dlq", partition: 2, offset: 9)
        )
        #expect(Array(retried.prefix(original.count)) == original)
        #expect(
            retried.dropFirst(original.count).map { $0.name } == ["kokanee-origin", "kokanee-retried-from"]
        )
        #expect(retried["kokanee-retried-from"] == "orders.dlq/2/9")
        #expect(try decode(retried, at: main).attempt == 1)
    }

    @Test("a plain record keeps its id through hops, death and retry")
    func plainRecord() throws {
        var headers = Envelope.rungHeaders(copying: [], from: main, attempt: 2, dueAt: nil, failure: nil)
        let rung = Envelope.Origin(topic: "orders.retry.1m", partition: 2, offset: 0)
        #expect(try decode(headers, at: rung).id == "orders/2/17")
        headers = Envelope.deadLetterHeaders(
            copying: headers,
            from: rung,
            attempt: 2,
            reason: .unknownType,
            failure: nil,
            at: 1
        )
        let letter = Envelope.Origin(topic: "orders.dlq", partition: 2, offset: 0)
        #expect(try decode(headers, at: letter).id == "orders/2/17")
        headers = Envelope.retryHeaders(copying: headers, from: letter)
        #expect(try decode(headers, at: main).id == "orders/2/17")
    }

    @Test("a delayed job that only waits keeps its attempt and gets no error")
    func waiting() throws {
        let headers = Envelope.rungHeaders(
            copying: [header("kokanee-due-at", "9")],
            from: main,
            attempt: 1,
            dueAt: nil,
            failure: nil
        )
        #expect(headers.map(\.name) == ["kokanee-attempt", "kokanee-origin"])
    }

    @Test(
        "that an attempt has begun and stopped is said until it has failed, and once, and of one that only waits it is not"
    )
    func begun() throws {
        func moved(_ headers: [Header], attempt: Int = 1, _ failure: Envelope.Failure? = nil, begun: Bool = false)
            -> [Header]
        {
            Envelope.rungHeaders(
                copying: headers,
                from: main,
                attempt: attempt,
                dueAt: nil,
                failure: failure,
                hasBegun: begun
            )
        }
        let job = [header("ce_specversion", "1.0"), header("ce_id", "i"), header("ce_type", "t")]
        #expect(try !decode(moved(job), at: main).hasBegun)
        let stopped = moved(job, begun: true)
        #expect(try decode(stopped, at: main).hasBegun && decode(stopped, at: main).attempt == 1)
        for again in [moved(stopped), moved(stopped, begun: true)] {
            #expect(again.count { $0.name == "kokanee-begun" } == 1)
        }
        let failure = Envelope.Failure(Boom(description: "no"), at: 1)
        #expect(try !decode(moved(stopped, attempt: 2, failure), at: main).hasBegun)
        #expect(Envelope.retryHeaders(copying: stopped, from: main)["kokanee-begun"] == nil)
    }

    @Test("a retried dead letter keeps its idempotency key and loses what would kill it again")
    func retry() {
        let headers = Envelope.retryHeaders(
            copying: [
                header("kokanee-idempotency-key", "k"), header("kokanee-expires-at", "1"),
                header("kokanee-due-at", "1"),
                header("kokanee-origin", "junk"),
                header("kokanee-retried-from", "q/0/0"),
            ],
            from: main
        )
        #expect(headers.map(\.name) == ["kokanee-idempotency-key", "kokanee-origin", "kokanee-retried-from"])
        #expect(headers["kokanee-origin"] == "orders/2/17")
    }

    @Test("a replay's job that died again in live work is still the replay's, and another replay's from its letters on")
    func retryOfReplayed() {
        let letter = [header("kokanee-replay", "r"), header("kokanee-origin", "orders/2/17")]
        let again = Envelope.retryHeaders(copying: letter, from: main)
        #expect(again.map(\.name) == ["kokanee-replay", "kokanee-origin", "kokanee-retried-from"])
        #expect(again["kokanee-replay"] == "r")
        let replayed = Envelope.retryHeaders(copying: letter, from: main, replay: "s")
        #expect(replayed.filter { $0.name == "kokanee-replay" }.map { $0.value?.text } == ["s"])
    }

    @Test("no error and no forged state makes a record grow by more than 4 KiB, however often it hops")
    func growth() {
        let bomb = String(repeating: "\u{1F4A3}\n", count: 100_000)
        var headers = (0..<100).flatMap { number in
            ["kokanee-error", "kokanee-first-error", "kokanee-origin", "kokanee-due-at", "kokanee-reason", "x"].map {
                header($0, "\(number)" + bomb.prefix(100))
            }
        }
        headers.append(header("kokanee-first-error", bomb))
        let carried = headers.filter { $0.name == "x" }.size
        let place = Envelope.Origin(topic: String(repeating: "t", count: 249), partition: .max, offset: .max - 1)
        for attempt in 1...50 {
            headers = Envelope.rungHeaders(
                copying: headers,
                from: place,
                attempt: attempt,
                dueAt: Timestamp.latest,
                failure: Envelope.Failure(Boom(description: bomb), at: Timestamp.latest)
            )
            #expect(headers.size < carried + 4096)
        }
        headers = Envelope.deadLetterHeaders(
            copying: headers,
            from: place,
            attempt: 50,
            reason: .attemptsExhausted,
            failure: Envelope.Failure(Boom(description: bomb), at: .max),
            at: Timestamp.latest
        )
        #expect(headers.size < carried + 4096)
        #expect(Envelope.retryHeaders(copying: headers, from: place).size < carried + 4096)
    }

    @Test("an error's text is one line of at most 1 KiB, cut between two characters, its type before it")
    func failureText() {
        let failure = { Envelope.Failure(type: "E", message: $0, at: 0).text }
        #expect(failure("a\r\n\tb\u{0}\u{7F}\u{85}\u{2028}") == "E: a   b    ")
        #expect(failure("") == "E")
        let exact = failure(String(repeating: "x", count: 1021))
        #expect(exact.utf8.count == 1024 && !exact.hasSuffix("…"))
        for length in 1015...1030 {
            let fish = String(repeating: "\u{1F41F}", count: length)
            let text = failure(String(repeating: "x", count: length % 4) + fish)
            #expect((1019...1024).contains(text.utf8.count) && text.hasSuffix("\u{1F41F}…"))
        }
        #expect(Envelope.Failure(JobError.deadLetter("no"), at: 0).text == "JobError: no")
        #expect(Envelope.Failure(type: String(repeating: "T", count: 5000), message: "m", at: 0).text.hasSuffix(": m"))
    }

    @Test("the headers that carry state can't be set by hand")
    func reserved() {
        for name in ["ce_id", "content-type", "kokanee-attempt", "kokanee-anything"] {
            #expect(Envelope.isReserved(name))
        }
        for name in ["traceparent", "ce_subject", "x"] { #expect(!Envelope.isReserved(name)) }
    }
}
