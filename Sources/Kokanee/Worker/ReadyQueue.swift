/// Ready jobs of one class: in the order in which they became ready, but for those that press, which get every other start
/// as long as there are any.
///
/// So a job that presses waits for as many others as there are of its kind, and one that doesn't waits twice as long at most.
struct ReadyQueue<Element> {
    private var usual = Fifo<Element>()
    private var pressing = Fifo<Element>()
    private var isTurnOfPressing = true

    var count: Int { usual.count + pressing.count }
    var isEmpty: Bool { usual.isEmpty && pressing.isEmpty }

    /// The next one, if nothing comes between.
    var first: Element? { nextPresses ? pressing.first : usual.first }

    /// The one that has waited for longest, if those that press have not waited long.
    var eldest: Element? { usual.first ?? pressing.first }

    private var nextPresses: Bool { !pressing.isEmpty && (isTurnOfPressing || usual.isEmpty) }

    /// About the one that is next after so many others; nil where there is none.
    func upcoming(_ count: Int) -> Element? { count < usual.count ? usual[count] : nil }

    mutating func append(_ element: Element, presses: Bool = false) {
        if presses { pressing.append(element) } else { usual.append(element) }
    }

    /// One that was next comes back.
    mutating func prepend(_ element: Element) { usual.prepend(element) }

    mutating func removeAll(where shouldBeRemoved: (Element) -> Bool) {
        usual.removeAll(where: shouldBeRemoved)
        pressing.removeAll(where: shouldBeRemoved)
    }

    mutating func popFirst() -> Element? {
        let presses = nextPresses
        isTurnOfPressing = !presses
        return presses ? pressing.popFirst() : usual.popFirst()
    }
}
