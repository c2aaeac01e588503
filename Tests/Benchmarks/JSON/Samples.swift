struct Order: Codable {
    struct Customer: Codable {
        var id: Int
        var name: String
        var email: String
    }
    struct Line: Codable {
        var sku: String
        var quantity: Int
    }

    var order: String
    var customer: Customer
    var lines: [Line]
    var n: Int
    var t: Double
}

struct Flat: Codable {
    var id: Int
    var name: String
    var isUrgent: Bool
    var weight: Double
    var note: String?
}

enum Samples {
    static let order = """
        {"order":"order-00000017","customer":{"id":17,"name":"Ada Lovelace","email":"ada@example.com"},\
        "lines":[{"sku":"A-1001","quantity":2},{"sku":"B-2002","quantity":1}],"n":17,"t":12345.678901}
        """
    static let flat = #"{"id":4711,"name":"label","isUrgent":false,"weight":1.25}"#
    /// 10 kB.
    static let batch = "[" + Array(repeating: order, count: 54).joined(separator: ",") + "]"
    static let numbers = "[" + (0..<1000).map { "\(Double($0) * 1.37)" }.joined(separator: ",") + "]"
}
