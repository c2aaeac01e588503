/// The engines whose attempts a thread has, and the attempts that it hands back to them.
///
/// An engine is kept for as long as anything of it is out, and counted once: an owner of it for each attempt would have
/// threads on all processors write at one place all the time.
struct Lenders {
    private struct Lender {
        let engine: Engine
        /// Attempts that have not been handed back.
        var out: Int
        var returned: [DirectAttempt] = []
    }

    /// Nearly always there is one.
    private var lenders: [Lender?] = []
    private var hasReturned = false

    /// So many attempts of an engine are here; returns by what number it goes until all have been handed back.
    mutating func add(_ count: Int, of engine: Engine) -> Int {
        if let number = lenders.firstIndex(where: { $0?.engine === engine }) {
            lenders[number]?.out += count
            return number
        }
        let number = lenders.firstIndex { $0 == nil } ?? lenders.count
        if number == lenders.count { lenders.append(nil) }
        lenders[number] = Lender(engine: engine, out: count)
        return number
    }

    func engine(_ number: Int) -> Engine? { lenders[number]?.engine }

    /// An attempt is to be handed back.
    mutating func giveBack(_ attempt: DirectAttempt, to number: Int) {
        lenders[number]?.returned.append(attempt)
        hasReturned = true
    }

    /// An attempt is handed back by somebody else.
    mutating func leave(_ number: Int) { settle(number, 1) }

    /// What is to be handed back, and to whom; empty if there is nothing.
    mutating func takeReturned() -> [(engine: Engine, attempts: [DirectAttempt])] {
        guard hasReturned else { return [] }
        hasReturned = false
        var all: [(Engine, [DirectAttempt])] = []
        for number in lenders.indices {
            guard let lender = lenders[number], !lender.returned.isEmpty else { continue }
            all.append((lender.engine, lender.returned))
            lenders[number]?.returned = []
            settle(number, lender.returned.count)
        }
        return all
    }

    private mutating func settle(_ number: Int, _ count: Int) {
        lenders[number]?.out -= count
        if lenders[number]?.out == 0 { lenders[number] = nil }
    }
}
