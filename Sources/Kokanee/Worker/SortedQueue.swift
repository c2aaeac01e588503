/// A queue whose first element is the least, for elements that come in their order but for a few: those wait in a heap.
///
/// Equal elements leave it in the order in which they came, as far as none of them came late.
struct SortedQueue<Element: Comparable> {
    /// In their order, which is that in which they came as well.
    private var punctual = Fifo<Element>()
    private var late = Heap<Element>()
    /// The greatest since the queue was empty: what is not less than it comes in order.
    private var newest: Element?

    var count: Int { punctual.count + late.count }
    var isEmpty: Bool { punctual.isEmpty && late.first == nil }

    var first: Element? {
        guard let late = late.first else { return punctual.first }
        return punctual.first.map { min($0, late) } ?? late
    }

    /// About the one that is first when so many have left, unless others come late.
    func upcoming(_ count: Int) -> Element? {
        count < punctual.count ? punctual[count] : nil
    }

    /// Whether an element would go before others that are there.
    func isLate(_ element: Element) -> Bool {
        guard !isEmpty, let newest else { return false }
        return element < newest
    }

    mutating func insert(_ element: Element) {
        guard !isLate(element) else { return late.insert(element) }
        newest = element
        punctual.append(element)
    }

    mutating func popFirst() -> Element? {
        guard let first = late.first else { return punctual.popFirst() }
        if let other = punctual.first, other <= first { return punctual.popFirst() }
        late.removeFirst()
        return first
    }
}
