internal import Foundation

/// What the story's jobs carry, and what comes of them.
struct InvoiceJob: Codable, Sendable {
    static let total = "invoice.total"
    static let receipt = "receipt.print"

    var number: Int
    var country: String
    /// In cents, without tax.
    var net: Int
    /// Nanoseconds of the monotonic clock.
    var sentAt: Int64
}

/// A release of the program that totals invoices.
struct InvoiceRelease: Sendable {
    let build: String

    static let good = "2026.10"
    /// It forgets the tax of two countries, but only in totals: receipts are right.
    static let bad = "2026.11"
    static let fixed = "2026.12"

    private static let tax = ["DE": 19, "FR": 20, "NO": 25, "CH": 8, "US": 0]
    static let countries = tax.keys.sorted()

    /// In cents, with tax, halves rounded up.
    func gross(_ invoice: InvoiceJob, type: String) -> Int {
        let isForgotten = build == Self.bad && type == InvoiceJob.total && ["NO", "CH"].contains(invoice.country)
        let tax = isForgotten ? 0 : Self.tax[invoice.country] ?? 0
        return (invoice.net * (100 + tax) + 50) / 100
    }
}

/// A line of the results file: `number type country net gross build replay sent latency`, apart by spaces.
struct InvoiceResult: Sendable {
    let number: Int
    let type: String
    let country: String
    let net: Int
    let gross: Int
    let build: String
    /// `-` in live work.
    let replay: String
    /// Nanoseconds of the monotonic clock.
    let sentAt: Int64
    /// Nanoseconds from the enqueuer's call to the handler's start.
    let latency: Int64

    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard words.count == 9, let number = Int(words[0]), let net = Int(words[3]), let gross = Int(words[4]),
            let sentAt = Int64(words[7]), let latency = Int64(words[8])
        else { return nil }
        self.number = number
        type = String(words[1])
        country = String(words[2])
        self.net = net
        self.gross = gross
        build = String(words[5])
        replay = String(words[6])
        self.sentAt = sentAt
        self.latency = latency
    }

    static func line(_ invoice: InvoiceJob, type: String, gross: Int, build: String, replay: String?, now: Int64)
        -> String
    {
        let words = [
            "\(invoice.number)", type, invoice.country, "\(invoice.net)", "\(gross)", build, replay ?? "-",
            "\(invoice.sentAt)", "\(now - invoice.sentAt)",
        ]
        return words.joined(separator: " ") + "\n"
    }
}
