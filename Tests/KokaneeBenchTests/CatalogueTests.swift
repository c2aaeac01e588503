import Testing

@testable import KokaneeBench

struct CatalogueTests {
    private func chosen(_ patterns: [String], isQuick: Bool = false) throws -> [String] {
        var settings = Bench.Settings()
        settings.patterns = patterns
        settings.isQuick = isQuick
        return try Catalogue.choose(settings).flatMap { $0.rows.map(\.name) }
    }

    @Test("rows keep the names that scripts know, and have one each")
    func names() {
        let names = Catalogue.rows.map(\.name)
        #expect(Set(names).count == names.count)
        let sleeps = ["100us", "1ms"].flatMap { time in
            ["c100", "c1000"].flatMap { slots in
                ["zipf", "distinct"].map { keys in "sleep-\(time)-\(slots)-\(keys)" }
            }
        }
        let known =
            ["enqueue", "work", "work-json", "json-codec"] + sleeps + [
                "cpu-100us", "latency-1k-p50", "latency-1k-p99", "latency-10k-p50", "latency-10k-p99", "handler",
                "exec",
                "hops", "rung-late-p99", "rung-early", "delay-lateness", "delay-early", "delayed-rss",
                "rss-1m", "rss-5m", "cost-backlog", "cost-backlog-wall",
                "rss-in-flight", "cost-keys", "cost-keys-wall", "cost-partitions", "cost-partitions-wall", "cost-gap",
                "cost-gap-wall", "join", "replay", "replay-by-type", "replay-rss", "state-restore", "marks-rss",
                "bound-work-json", "bound-sleep-100us-c100-distinct", "bound-sleep-100us-c1000-distinct",
                "bound-sleep-1ms-c1000-distinct",
            ]
        #expect(names == known)
    }

    @Test("every row says what it measures, in which unit, and, but for bounds, what it is to reach")
    func words() {
        for row in Catalogue.rows {
            #expect(!row.summary.isEmpty && !row.unit.isEmpty)
            #expect((row.target == nil) == row.name.hasPrefix("bound-"))
            if let target = row.target { #expect(!target.text(unit: row.unit).isEmpty) }
        }
    }

    @Test("rows that are measured less often than asked for are known by name")
    func rounds() {
        let most = Catalogue.maximumRounds
        #expect(most["delayed-rss"] == 1)
        #expect(most["cost-keys-wall"] == 3)
        #expect(most["work"] == nil)
        #expect(Set(most.keys).isSubset(of: Catalogue.rows.map(\.name)))
    }

    @Test("rows are chosen by name or pattern, whether quick or not")
    func choosing() throws {
        #expect(try chosen(["work"]) == ["work"])
        #expect(try chosen(["work*", "join"]) == ["work", "work-json", "join"])
        #expect(try chosen(["latency-1k-p99"]) == ["latency-1k-p99"])
        #expect(try chosen(["rss-5m"], isQuick: true) == ["rss-5m"])
        #expect(try chosen([]).count == Catalogue.rows.count)
        #expect(try chosen([], isQuick: true) == Catalogue.rows.filter(\.isQuick).map(\.name))
    }

    @Test("a name that no row has is refused")
    func unknown() {
        #expect(throws: BenchError.self) { try chosen(["work", "wrok"]) }
    }

    @Test("ours and the baseline take turns in going first")
    func turns() {
        var order: [String] = []
        for isSwapped in [false, true] {
            let pair = Turn(isSwapped: isSwapped).take {
                order.append("ours")
                return 1
            } baseline: {
                order.append("baseline")
                return 2
            }
            #expect(pair == (1, 2))
        }
        #expect(order == ["ours", "baseline", "baseline", "ours"])
        #expect(Turn(isSwapped: true).ordered([1, 2, 3]) == [3, 2, 1])
    }
}
