import Foundation
import TestSupport
import Testing

/// Jobs from programs that know nothing of Kokanee.
@Suite(.besideOthers)
struct ForeignProducerTests {
    struct Job: Decodable {
        struct Payload: Decodable, Equatable { let order: Int }

        let id: String
        let type: String
        let version: Int
        let attempt: Int
        let key: String?
        let data: Payload
    }

    func jobs(_ stand: Stand) throws -> [Job] {
        let data = try Data(contentsOf: stand.ledger.file)
        return try data.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Job.self, from: $0) }
    }

    @Test("kcat with a key and a JSON value enqueues a job of the queue's default type")
    func kcat() async throws {
        try await Stand.with { stand in
            _ = try await Oracle.kcat(
                ["-b", stand.bootstrapServers, "-t", stand.queue, "-P", "-K", "\t", "-p", "2"],
                input: "customer-7\t{\"order\": 7}\n"
            )
            let summary = try await stand.workUntilIdle(
                HandlerProgram.recording,
                flags: ["--default-type", "order.placed"]
            )
            #expect(summary.completed == 1)
            let job = try #require(try jobs(stand).first)
            #expect(job.id == "\(stand.queue)/2/0")
            #expect(job.type == "order.placed")
            #expect(job.version == 1)
            #expect(job.attempt == 1)
            #expect(job.key == "customer-7")
            #expect(job.data == .init(order: 7))
        }
    }

    @Test("confluent-kafka with CloudEvents headers enqueues a typed job")
    func cloudEvents() async throws {
        try await Stand.with { stand in
            try await stand.oracle.produce(
                [
                    .init(
                        key: "customer-8",
                        value: "{\"order\": 8}",
                        headers: [
                            "ce_specversion": "1.0", "ce_id": "event-8", "ce_type": "order.paid",
                            "ce_source": "/shop", "ce_time": "2026-01-02T03:04:05Z",
                            "content-type": "application/json", "ce_dataschemaversion": "3",
                        ]
                    ),
                    .init(
                        value: """
                            {"specversion":"1.0","id":"event-9","type":"order.shipped","source":"/shop",\
                            "datacontenttype":"application/json","data":{"order":9}}
                            """,
                        headers: ["content-type": "application/cloudevents+json; charset=utf-8"]
                    ),
                ],
                to: stand.queue
            )
            let summary = try await stand.workUntilIdle(HandlerProgram.recording)
            #expect(summary.completed == 2)
            let jobs = try jobs(stand).sorted { $0.id < $1.id }
            #expect(jobs.map(\.id) == ["event-8", "event-9"])
            #expect(jobs.map(\.type) == ["order.paid", "order.shipped"])
            #expect(jobs.map(\.version) == [3, 1])
            #expect(jobs.map(\.key) == ["customer-8", nil])
            #expect(jobs.map(\.data.order) == [8, 9])
        }
    }

    @Test("headers that Kokanee does not know are carried through every hop unchanged")
    func carriedHeaders() async throws {
        try await Stand.with { stand in
            try await stand.oracle.produce(
                [
                    .init(
                        key: "k",
                        value: "{\"do\":\"fail\"}",
                        headers: [
                            "ce_specversion": "1.0", "ce_id": "carried", "ce_type": "t", "ce_source": "/s",
                            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                            "x-tenant": "acme", "x-none": nil, "x-tenant-again": "",
                        ]
                    )
                ],
                to: stand.queue
            )
            let summary = try await stand.workUntilIdle()
            #expect(summary.dead == 1)
            let letter = try #require(try await stand.deadLetters().first)
            #expect(letter.key == Data("k".utf8))
            #expect(letter.value == Data("{\"do\":\"fail\"}".utf8))
            #expect(letter.header("ce_id") == "carried")
            #expect(letter.header("x-tenant") == "acme")
            #expect(letter.header("traceparent") == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            let empty = letter.headers.filter { $0.name == "x-none" || $0.name == "x-tenant-again" }
            #expect(empty.map(\.value) == [nil, Data()])
        }
    }
}
