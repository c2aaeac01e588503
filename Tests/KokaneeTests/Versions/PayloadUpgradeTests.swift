import RdKafka
import Synchronization
import Testing

@testable import Kokanee

private struct Invoice: Job, Equatable {
    static let type = "invoice.send"
    static let version = 4
    static var defaults: [String: any Encodable & Sendable] { ["copies": 1, "locale": "en", "tags": ["new"]] }
    static var upgrades: [PayloadUpgrade] {
        [
            .edit(from: 1) { payload in
                try payload.rename("order", to: "invoice")
                payload.remove("legacy")
            },
            .convert(from: 2, to: 4) { (old: InvoiceV2) in Invoice(invoice: old.invoice * 100, copies: 2) },
        ]
    }

    static let seen = Mutex<[String: Invoice]>([:])

    var invoice: Int
    var copies: Int
    var locale: String?
    var tags: [String] = []

    func perform(_ context: JobContext) async throws {
        Self.seen.withLock { $0[context.id] = self }
    }
}

private struct InvoiceV2: Codable {
    var invoice: Int
}

@Suite("Payloads of older versions")
struct PayloadUpgradeTests {
    private func run(_ jobs: JobRegistry, _ type: String, version: Int, id: String = "i", _ payload: Bytes) async throws
    {
        guard case .handler(let handler) = jobs.resolve(type: type, version: version) else {
            throw InputError("\(type) of version \(version) has no handler")
        }
        var envelope = Envelope(id: id, type: type, version: version)
        envelope.attempt = 1
        let place = Envelope.Origin(topic: "q", partition: 0, offset: 0)
        let context = JobContext(queue: "q", envelope: envelope, maximumAttempts: 1, key: nil, source: place)
        try await handler.perform(payload, context)
    }

    private func invoice(version: Int, _ payload: Bytes) async throws -> Invoice? {
        var jobs = JobRegistry()
        try jobs.register(Invoice.self)
        let id = "\(version) \(payload.text)"
        try await run(jobs, Invoice.type, version: version, id: id, payload)
        return Invoice.seen.withLock { $0[id] }
    }

    @Test("a job type reads what its older versions wrote, one upgrade after the other, then fills in defaults")
    func chain() async throws {
        let first = try await invoice(version: 1, #"{"legacy":{"a":[1]},"order":7}"#)
        #expect(first == Invoice(invoice: 700, copies: 2, locale: "en", tags: []))
        let second = try await invoice(version: 2, #"{"invoice":7}"#)
        #expect(second == Invoice(invoice: 700, copies: 2, locale: "en", tags: []))
        // From 3 no upgrade leads: the defaults are enough.
        let third = try await invoice(version: 3, #"{"invoice":7}"#)
        #expect(third == Invoice(invoice: 7, copies: 1, locale: "en", tags: ["new"]))
        let present = try await invoice(version: 4, #"{"invoice":7,"copies":3,"locale":null,"tags":[]}"#)
        #expect(present == Invoice(invoice: 7, copies: 3, locale: nil, tags: []), "what is there is not touched")
    }

    @Test("a default stands for a member that is missing, and for no other")
    func missing() async throws {
        let error = await #expect(throws: PayloadError.self) { _ = try await invoice(version: 4, #"{"copies":1}"#) }
        #expect(error?.reason == "invoice is missing")
        let empty = await #expect(throws: PayloadError.self) { _ = try await invoice(version: 4, "") }
        #expect(empty?.reason == "invoice is missing")
        let array = await #expect(throws: PayloadError.self) { _ = try await invoice(version: 4, "[]") }
        #expect(array?.reason.hasPrefix("the whole is no") == true)
    }

    @Test(
        "an upgrade that throws says which it was, and what is wrong",
        arguments: [
            (1, #"{"order":1,"invoice":2}"#, "from version 1 to 2: order can't become invoice, which is there already"),
            (1, "[]", "from version 1 to 2: the payload is no JSON object: not JSON: expected '{' at byte 0"),
            (2, #"{"invoice":"x"}"#, "from version 2 to 4: invoice is no Int"), (2, "{}", "invoice is missing"),
        ]
    )
    func failing(version: Int, payload: String, expected: String) async {
        let error = await #expect(throws: PayloadError.self) {
            _ = try await invoice(version: version, Bytes(payload))
        }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test("a default stands also in a payload in another encoding, or with a byte order mark")
    func encodings() throws {
        let text = #"{"invoice":1}"#
        let utf16 = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        for bytes in [[0xEF, 0xBB, 0xBF] + Array(text.utf8), utf16, [0xFF, 0xFE] + utf16] {
            var object = try PayloadObject(Bytes(bytes))
            try object.set("copies", 1)
            #expect(object.payload == #"{"invoice":1,"copies":1}"#)
        }
    }

    @Test("an upgrade that throws is a dead letter; one that says what becomes of the job is heard")
    func dispositions() async throws {
        var jobs = JobRegistry()
        try jobs.register(
            "t",
            version: 3,
            payload: [String: Int].self,
            upgrades: [
                .edit(from: 1) { _ in throw JobError.discard("older than the tax reform") },
                .rewrite(from: 2) { _ in throw CancellationError() },
            ]
        ) { _, _ in }
        let discarded = await #expect(throws: JobError.self) { try await run(jobs, "t", version: 1, "{}") }
        #expect(discarded?.reason == "older than the tax reform")
        do {
            try await run(jobs, "t", version: 2, "{}")
            Issue.record("the upgrade has to throw")
        } catch {
            let disposition = Disposition.after(
                .failed(error),
                ofAttempt: 1,
                policy: .ladder(),
                ladder: .standard,
                now: 0,
                randomness: 0
            )
            guard case .bury(.undecodable, let failure?) = disposition else {
                Issue.record("\(disposition)")
                return
            }
            #expect(failure.text.hasPrefix("PayloadError: the payload of t can't be upgraded from version 2 to 3"))
        }
    }

    @Test("a closure's payload has defaults and upgrades, too, and a member keeps the spelling of what it holds")
    func closures() async throws {
        struct Payment: Decodable, Sendable {
            var amount: String
            var number: UInt64
            var currency: String
        }
        let seen = Mutex<[Payment]>([])
        var jobs = JobRegistry()
        try jobs.register(
            "pay",
            version: 2,
            payload: Payment.self,
            defaults: ["currency": "EUR"],
            upgrades: [
                .edit(from: 1) { payload in
                    let cents = try payload.require("cents", as: Int.self)
                    try payload.set("amount", "\(cents / 100).\(cents % 100)")
                    #expect(try payload.get("nothing", as: Int.self) == nil && payload.names.contains("cents"))
                }
            ]
        ) { payment, _ in
            seen.withLock { $0.append(payment) }
        }
        try await run(jobs, "pay", version: 1, #"{"cents":1050,"number":18446744073709551615,"x":1,"x":2}"#)
        let payment = try #require(seen.withLock { $0.first })
        #expect(payment.amount == "10.50" && payment.number == .max && payment.currency == "EUR")
    }

    @Test("upgrades that lead nowhere are refused when they are registered")
    func refused() {
        func register(version: Int, _ upgrades: [PayloadUpgrade]) throws {
            var jobs = JobRegistry()
            try jobs.register("t", version: version, payload: [String: Int].self, upgrades: upgrades) { _, _ in }
        }
        func step(_ from: Int, _ to: Int? = nil) -> PayloadUpgrade { .rewrite(from: from, to: to) { $0 } }
        #expect(throws: InputError.self) { try register(version: 1, [step(1)]) }
        #expect(throws: InputError.self) { try register(version: 3, [step(0)]) }
        #expect(throws: InputError.self) { try register(version: 3, [step(2, 2)]) }
        #expect(throws: InputError.self) { try register(version: 3, [step(1), step(1, 3)]) }
        #expect(throws: Never.self) { try register(version: 3, [step(1), step(2)]) }
    }

    @Test("defaults and edits are refused where payloads are no JSON")
    func otherCodec() {
        struct Codec: PayloadCodec {
            let contentType = "application/x-other"

            func encode(_ value: some Encodable) throws -> Bytes { "" }
            func decode<Value: Decodable>(_ type: Value.Type, from payload: Bytes) throws -> Value {
                try JSONCodec().decode(type, from: "{}")
            }
        }
        var jobs = JobRegistry(codec: Codec())
        #expect(throws: InputError.self) {
            try jobs.register("t", payload: [String: Int].self, defaults: ["a": 1]) { _, _ in }
        }
        #expect(throws: Never.self) {
            let upgrade = PayloadUpgrade.rewrite(from: 1) { $0 }
            try jobs.register("u", version: 2, payload: [String: Int].self, upgrades: [upgrade]) { _, _ in }
        }
    }
}
