/// Those whose attempts a thread has, each kept for as long as anything of it is out, and what is to be handed back to each.
///
/// A lender is counted once: an owner of it for each of its loans would have threads on all processors write at one place
/// all the time.
struct Lenders<Lender: AnyObject, Loan> {
    private struct Account {
        let lender: Lender
        /// Loans that have not been handed back.
        var out: Int
        var returned: [Loan] = []
    }

    /// Nearly always there is one.
    private var accounts: [Account?] = []
    private var hasReturned = false

    /// So many loans of a lender are here; returns by what number it goes until all have been handed back.
    mutating func add(_ count: Int, of lender: Lender) -> Int {
        if let number = accounts.firstIndex(where: { $0?.lender === lender }) {
            accounts[number]?.out += count
            return number
        }
        let number = accounts.firstIndex { $0 == nil } ?? accounts.count
        if number == accounts.count { accounts.append(nil) }
        accounts[number] = Account(lender: lender, out: count)
        return number
    }

    /// Nil where all has been handed back.
    subscript(number: Int) -> Lender? { accounts[number]?.lender }

    /// A loan is to be handed back.
    mutating func giveBack(_ loan: Loan, to number: Int) {
        accounts[number]?.returned.append(loan)
        hasReturned = true
    }

    /// A loan is handed back by somebody else.
    mutating func leave(_ number: Int) { settle(number, 1) }

    /// What is to be handed back, and to whom; empty if there is nothing.
    mutating func takeReturned() -> [(lender: Lender, loans: [Loan])] {
        guard hasReturned else { return [] }
        hasReturned = false
        var all: [(Lender, [Loan])] = []
        for number in accounts.indices {
            guard let account = accounts[number], !account.returned.isEmpty else { continue }
            all.append((account.lender, account.returned))
            accounts[number]?.returned = []
            settle(number, account.returned.count)
        }
        return all
    }

    private mutating func settle(_ number: Int, _ count: Int) {
        accounts[number]?.out -= count
        if accounts[number]?.out == 0 { accounts[number] = nil }
    }
}
