import Testing

@testable import Kokanee

@Suite("Those whose attempts a pool has")
struct ProcessLendersTests {
    private final class Lender {}

    @Test("a lender is kept until its last loan has been handed back, and no longer")
    func lifetime() {
        var lenders = Lenders<Lender, Int>()
        weak var kept: Lender?
        do {
            let lender = Lender()
            kept = lender
            #expect(lenders.add(2, of: lender) == 0)
            #expect(lenders.add(1, of: lender) == 0)
        }
        lenders.giveBack(1, to: 0)
        #expect(lenders.takeReturned().map(\.loans) == [[1]])
        lenders.leave(0)
        #expect(kept != nil && lenders[0] === kept)
        lenders.giveBack(3, to: 0)
        #expect(kept != nil, "it has not been handed back yet")
        #expect(lenders.takeReturned().map(\.loans) == [[3]])
        #expect(kept == nil && lenders[0] == nil)
    }

    @Test("each gets its own back, and the number of one that has all is another's")
    func several() {
        var lenders = Lenders<Lender, Int>()
        let (one, two, three) = (Lender(), Lender(), Lender())
        #expect(lenders.add(2, of: one) == 0)
        #expect(lenders.add(1, of: two) == 1)
        for loan in [10, 11] { lenders.giveBack(loan, to: 0) }
        lenders.giveBack(20, to: 1)
        let returned = lenders.takeReturned()
        #expect(returned.map(\.loans) == [[10, 11], [20]])
        #expect(returned[0].lender === one && returned[1].lender === two)
        #expect(lenders.takeReturned().isEmpty)
        #expect(lenders.add(1, of: three) == 0)
        #expect(lenders[0] === three && lenders[1] == nil)
    }
}
