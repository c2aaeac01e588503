/// The partitions of a scheduler: by id for what asks now and then, and by slot for what every job does.
///
/// A slot belongs to its partition for ever: the jobs of past epochs go on naming it.
struct PartitionTable<Partition> {
    typealias ID = Int

    private var slots: [ID: Int] = [:]
    /// By slot.
    private(set) var ids: [ID] = []
    /// By slot.
    private(set) var values: [Partition] = []

    func slot(of id: ID) -> Int? { slots[id] }

    /// Of those that there are.
    func slots(of ids: some Sequence<ID>) -> [Int] { ids.compactMap { slots[$0] } }

    /// The partition of a slot, in its place: a copy would cost every job what it holds.
    subscript(slot slot: Int) -> Partition {
        _read { yield values[slot] }
        _modify { yield &values[slot] }
    }

    /// A copy; nil where there is none.
    subscript(id: ID) -> Partition? { slots[id].map { values[$0] } }

    /// Changes a partition in its place; nothing happens where there is none.
    mutating func update(_ id: ID, _ body: (inout Partition) -> Void) {
        if let slot = slots[id] { body(&values[slot]) }
    }

    /// Adds a partition, or puts it in the place of the one that has its id.
    mutating func add(_ id: ID, _ partition: Partition) {
        if let slot = slots[id] {
            values[slot] = partition
        } else {
            slots[id] = values.count
            ids.append(id)
            values.append(partition)
        }
    }

    /// The ids of the partitions for which `isWanted` is true.
    func ids(where isWanted: (Partition) -> Bool) -> [ID] {
        values.indices.filter { isWanted(values[$0]) }.map { ids[$0] }
    }
}
