import Kokanee

/// The payload of every peer; see `job.py`.
struct Order: Job {
    static let type = "order"

    struct Customer: Codable {
        var id: Int
        var name = "Ada Lovelace"
        var email = "ada@example.com"
    }

    struct Line: Codable {
        var sku: String
        var quantity: Int
    }

    var order: String
    var customer: Customer
    var lines = [Line(sku: "A-1001", quantity: 2), Line(sku: "B-2002", quantity: 1)]
    /// The job's number.
    var n: Int
    /// When it was due to be enqueued.
    var t: Double

    init(number: Int, due: Double) {
        let digits = String(number)
        order = "order-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        customer = Customer(id: number % 1000)
        n = number
        t = due
    }

    func perform(_ context: JobContext) async throws {}
}
