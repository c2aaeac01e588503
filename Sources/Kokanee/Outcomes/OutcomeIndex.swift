internal import RdKafka

/// Finds out which marks the jobs of this worker get, and makes them in the ``OutcomeBook``.
struct OutcomeIndex {
    /// What a slot of the scheduler's partitions stands for.
    private struct Place {
        var page: OutcomeBook.Page = -1
        /// Of the main topic; else of a rung.
        var isMain = false
    }

    private(set) var book: OutcomeBook
    /// By slot.
    private var places: [Place] = []

    init(incarnation: String) {
        book = OutcomeBook(incarnation: incarnation)
    }

    /// A name that no other run of a worker has.
    static func makeIncarnation() -> String {
        String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }

    /// Marks a job under each offset of the main topic's partition by which it is known: its own there, and the one at
    /// which it stood first, if its record says so. On a rung there may be neither.
    ///
    /// - Parameter place: the slot of the job's partition, and its offset in that.
    @inline(__always)
    mutating func mark(_ kind: OutcomeBook.Kind, _ content: JobContent, at place: (slot: Int, offset: Int64)) {
        guard place.slot < places.count, places[place.slot].isMain, content.isPlain else {
            return markBySecondLook(kind, content, at: place)
        }
        book.mark(kind, places[place.slot].page, place.offset)
    }

    @inline(never)
    private mutating func markBySecondLook(
        _ kind: OutcomeBook.Kind,
        _ content: JobContent,
        at place: (slot: Int, offset: Int64)
    ) {
        let queue = content.runtime.queue
        let partition = content.message.source.topicPartition
        if place.slot >= places.count {
            places += repeatElement(Place(), count: place.slot + 1 - places.count)
        }
        if places[place.slot].page < 0 {
            let page = book.page(queue: content.queueIndex, partition: partition.partition)
            places[place.slot] = Place(page: page, isMain: partition.topic == queue.mainTopic)
        }
        let (page, isMain) = (places[place.slot].page, places[place.slot].isMain)
        if isMain { book.mark(kind, page, place.offset) }
        guard !content.isPlain, let origin = content.origin, origin.topic == queue.mainTopic,
            origin.partition == partition.partition, !isMain || origin.offset < place.offset
        else { return }
        book.mark(kind, page, origin.offset)
    }

    mutating func take(queue: Int32) -> [OutcomeBook.Taken] { book.take(queue: queue) }

    mutating func settle(_ indices: some Sequence<Int>, isWritten: Bool) {
        book.settle(indices, isWritten: isWritten)
    }
}
