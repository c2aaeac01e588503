/// The job that the rows with JSON carry: nested, with strings, integers, a fraction and a list, about 200 bytes.
struct Order: Codable, Sendable, Hashable {
    struct Customer: Codable, Sendable, Hashable {
        var id: Int
        var name: String
        var email: String
    }

    struct Line: Codable, Sendable, Hashable {
        var sku: String
        var quantity: Int
    }

    var order: String
    var customer: Customer
    var lines: [Line]
    var n: Int
    var t: Double

    /// The payload of job `number`, as text of its own: what is to be measured has no part in making it.
    static func json(_ number: Int) -> String {
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        return
            #"{"order":"order-\#(padded)","customer":{"id":\#(number),"name":"Ada Lovelace","email":"ada@example.com"},"#
            + #""lines":[{"sku":"A-1001","quantity":2},{"sku":"B-2002","quantity":1}],"n":\#(number),"t":12345.678901}"#
    }
}

/// The bytes that jobs carry.
enum Payload: String, Sendable {
    /// 200 bytes that nobody looks at, the same in every job.
    case raw
    /// ``Order`` in JSON; a thousand different ones, in turn.
    case json

    static let size = 200

    var all: [[UInt8]] {
        switch self {
        case .raw: [[UInt8](repeating: UInt8(ascii: "x"), count: Self.size)]
        case .json: (0..<1000).map { Array(Order.json($0).utf8) }
        }
    }
}
