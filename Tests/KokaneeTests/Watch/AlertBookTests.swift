import Testing

@testable import Kokanee

@Suite("News of alerts")
struct AlertBookTests {
    private static let subject = AlertBook.Subject(kind: .stalled, queue: 0, partition: 1)

    private static func alert(_ level: Health.Level = .degraded, text: String = "x") -> Alert {
        Alert(kind: .stalled, level: level, queue: "q", since: 0, text: text, advice: "")
    }

    /// The seconds at which something is told of an alert that is there while `isThere` says so.
    private static func words(over seconds: Int, isThere: (Int) -> Bool) -> [Int: AlertBook.News] {
        var book = AlertBook()
        var words: [Int: AlertBook.News] = [:]
        for second in 0..<seconds {
            let alerts = isThere(second) ? [subject: alert()] : [:]
            for news in book.update(alerts, time: .seconds(second)).news { words[second] = news }
        }
        return words
    }

    @Test("an alert is told when it comes, again after ever longer pauses of up to an hour, and when it is over")
    func lifetime() {
        let words = Self.words(over: 20_001) { $0 >= 5 && $0 < 20_000 }
        #expect(words.keys.sorted() == [5, 65, 185, 425, 905, 1865, 3785, 7385, 10985, 14585, 18185, 20_000])
        #expect(words[5] == .raised(Self.alert()))
        #expect(words[65] == .persists(Self.alert(), for: .seconds(60)))
        #expect(words[20_000] == .cleared(Self.alert(), after: .seconds(19_995)))
    }

    @Test("one that comes and goes each second is told no more often than one that stays, and is over when it is")
    func flapping() {
        let words = Self.words(over: 4000) { $0.isMultiple(of: 2) }
        #expect(words.count <= 16, "\(words.keys.sorted())")
    }

    @Test("one that comes back after a long time is new")
    func again() {
        let words = Self.words(over: 3000) { $0 == 0 || $0 == 2000 }
        #expect(words.keys.sorted() == [0, 1, 2000, 2001])
        #expect(words[2000] == .raised(Self.alert()))
    }

    @Test("one that becomes worse is told at once, and one whose words change is not")
    func worse() {
        var book = AlertBook()
        _ = book.update([Self.subject: Self.alert()], time: .zero)
        let unchanged = book.update([Self.subject: Self.alert(text: "y")], time: .seconds(1)).news
        #expect(unchanged.isEmpty)
        #expect(book.active.map(\.text) == ["y"])
        let news = book.update([Self.subject: Self.alert(.failing)], time: .seconds(2)).news
        #expect(news == [.persists(Self.alert(.failing), for: .seconds(2))])
    }

    @Test("each coming counts, told or not")
    func counted() {
        var book = AlertBook()
        var count = 0
        for second in 0..<100 {
            let alerts = second.isMultiple(of: 2) ? [Self.subject: Self.alert()] : [:]
            count += book.update(alerts, time: .seconds(second)).raised.count
        }
        #expect(count == 50)
    }
}
