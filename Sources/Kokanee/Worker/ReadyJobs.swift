/// The jobs that may start, in the order in which they do.
///
/// As long as all are of one queue and one priority this is a ``ReadyQueue``. Else there is one for each queue and priority, of
/// which the next job is taken by weights: start-time fair queueing (Goyal, Vin, Cheng, 1996), first among the queues,
/// then, unless the policy is strict, among the priorities of the queue. A class that was empty begins where the others
/// are, so that nobody saves up turns.
struct ReadyJobs<Element> {
    /// Of a queue and a priority; 0 is the first queue's normal one.
    typealias Level = Int32

    private struct Entry {
        var element: Element
        /// Nanoseconds; when it became ready, or a little earlier.
        var since: Int64
    }

    private struct Class {
        var jobs = ReadyQueue<Entry>()
        var weight: UInt64 = 1
        var pass: UInt64 = 0
        /// Whether there are such jobs at all.
        var isPresent = false
    }

    private struct Group {
        let queue: Int32
        var weight: UInt64 = 1
        var pass: UInt64 = 0
        /// The virtual time of the queue.
        var time: UInt64 = 0
        var count = 0
        /// Of its starts, the last of which was given to a job that had waited too long.
        var startsSinceAged: Int
        var classes: [Class]
    }

    private struct Choice {
        var group: Int
        var index: Int
        /// It is only the turn of its class because it has waited too long.
        var isAged = false
    }

    /// What a start costs a class of weight 1.
    private static var scale: UInt64 { 5040 << 12 }
    /// Of starts that go to a job that has waited too long.
    private static var agedShare: Int { 10 }

    /// Used as long as there is one class.
    private var only = ReadyQueue<Element>()
    private var groups: [Group] = []
    /// Whether there is more than one class.
    private(set) var hasClasses = false
    private(set) var policy = PriorityPolicy.weighted()
    /// Nanoseconds.
    var now: Int64 = 0
    private var time: UInt64 = 0
    private var total = 0
    private var chosen = Choice(group: 0, index: 0)

    init(policy: PriorityPolicy = .weighted()) {
        self.policy = policy
    }

    var count: Int { hasClasses ? total : only.count }
    var isEmpty: Bool { count == 0 }

    /// The next one, if nothing comes between.
    var first: Element? {
        guard hasClasses else { return only.first }
        return choose().flatMap { groups[$0.group].classes[$0.index].jobs.first?.element }
    }

    /// The one that is next after so many others, if nothing comes between; nil where there are classes.
    func upcoming(_ count: Int) -> Element? {
        hasClasses ? nil : only.upcoming(count)
    }

    /// How many there are, by level.
    var counts: [Int] {
        guard hasClasses else { return [only.count] }
        return groups.flatMap { $0.classes.map(\.jobs.count) }
    }

    /// Whether a queue has jobs of several priorities.
    func hasPriorities(at level: Level) -> Bool {
        hasClasses && groups[Int(level) / 3].classes.count { $0.isPresent } > 1
    }

    /// Whether jobs start sooner for having waited long.
    var ages: Bool { hasClasses && policy.starvationLimit != nil }

    // MARK: - Classes

    /// The class of a queue's jobs of a priority, which there is from now on.
    mutating func level(of queue: Int32, _ priority: Priority = .normal) -> Level {
        let group: Int
        if let known = groups.firstIndex(where: { $0.queue == queue }) {
            group = known
        } else {
            group = groups.count
            let classes = Self.order.map { Class(weight: UInt64(policy.weight(of: $0))) }
            groups.append(Group(queue: queue, pass: time, startsSinceAged: Self.agedShare, classes: classes))
        }
        let index = Self.index(of: priority)
        groups[group].classes[index].isPresent = true
        let level = Level(group * 3 + index)
        if level != 0, !hasClasses { beginClasses() }
        return level
    }

    static func priority(of level: Level) -> Priority { order[Int(level) % 3] }

    /// - Parameter weight: from 1 to 1000.
    mutating func setWeight(_ weight: Int, of queue: Int32) {
        let level = level(of: queue)
        groups[Int(level) / 3].weight = UInt64(weight)
    }

    private static var order: [Priority] { [.normal, .high, .low] }

    private static func index(of priority: Priority) -> Int {
        switch priority {
        case .normal: 0
        case .high: 1
        case .low: 2
        }
    }

    private mutating func beginClasses() {
        hasClasses = true
        while let element = only.popFirst() { append(element, at: 0) }
    }

    // MARK: - Jobs

    /// - Parameter presses: see ``ReadyQueue``.
    mutating func append(_ element: Element, at level: Level, presses: Bool = false) {
        guard hasClasses else { return only.append(element, presses: presses) }
        let (group, index) = arrive(level)
        groups[group].classes[index].jobs.append(Entry(element: element, since: now), presses: presses)
    }

    mutating func prepend(_ element: Element, at level: Level) {
        guard hasClasses else { return only.prepend(element) }
        let (group, index) = arrive(level)
        let since = groups[group].classes[index].jobs.first?.since ?? now
        groups[group].classes[index].jobs.prepend(Entry(element: element, since: since))
    }

    private mutating func arrive(_ level: Level) -> (group: Int, index: Int) {
        let (group, index) = (Int(level) / 3, Int(level) % 3)
        if groups[group].count == 0 { groups[group].pass = max(groups[group].pass, time) }
        if groups[group].classes[index].jobs.isEmpty {
            groups[group].classes[index].pass = max(groups[group].classes[index].pass, groups[group].time)
        }
        groups[group].count += 1
        total += 1
        return (group, index)
    }

    mutating func removeAll(where shouldBeRemoved: (Element) -> Bool) {
        guard hasClasses else { return only.removeAll(where: shouldBeRemoved) }
        for group in groups.indices {
            for index in groups[group].classes.indices {
                groups[group].classes[index].jobs.removeAll { shouldBeRemoved($0.element) }
            }
            groups[group].count = groups[group].classes.reduce(0) { $0 + $1.jobs.count }
        }
        total = groups.reduce(0) { $0 + $1.count }
    }

    mutating func popFirst() -> Element? {
        guard hasClasses else { return only.popFirst() }
        guard let choice = choose() else { return nil }
        chosen = choice
        groups[choice.group].count -= 1
        total -= 1
        return groups[choice.group].classes[choice.index].jobs.popFirst()?.element
    }

    /// The one that came last from ``popFirst()`` starts: it is its class's turn that it took.
    mutating func noteStart() {
        guard hasClasses else { return }
        charge(chosen)
    }

    /// A job starts that was not ready before, and takes a turn of its class.
    mutating func noteStart(at level: Level) {
        guard hasClasses else { return }
        charge(Choice(group: Int(level) / 3, index: Int(level) % 3))
    }

    /// A start has not come about: its turn is its class's again.
    mutating func noteGivenBack(at level: Level) {
        guard hasClasses else { return }
        let (group, index) = (Int(level) / 3, Int(level) % 3)
        groups[group].pass -= min(groups[group].pass, Self.scale / groups[group].weight)
        let pass = groups[group].classes[index].pass
        groups[group].classes[index].pass -= min(pass, Self.scale / groups[group].classes[index].weight)
    }

    /// Whether a job of that class may start now as if it were ready: it would be the class's turn anyway.
    func mayStart(at level: Level) -> Bool {
        guard hasClasses, let choice = choose() else { return true }
        return choice.group == Int(level) / 3 && choice.index == Int(level) % 3
    }

    private mutating func charge(_ choice: Choice) {
        let (group, index) = (choice.group, choice.index)
        time = max(time, groups[group].pass)
        groups[group].pass += Self.scale / groups[group].weight
        groups[group].time = max(groups[group].time, groups[group].classes[index].pass)
        groups[group].classes[index].pass += Self.scale / groups[group].classes[index].weight
        groups[group].startsSinceAged = choice.isAged ? 0 : groups[group].startsSinceAged + 1
    }

    // MARK: - The choice

    private func choose() -> Choice? {
        guard total > 0 else { return nil }
        var best = -1
        for index in groups.indices where groups[index].count > 0 {
            if best < 0 || groups[index].pass < groups[best].pass { best = index }
        }
        return policy.isStrict ? chooseStrictly(in: best) : Choice(group: best, index: chooseByWeight(in: best))
    }

    private func chooseByWeight(in group: Int) -> Int {
        var best = -1
        // Of equals the higher priority.
        for index in [1, 0, 2] where !groups[group].classes[index].jobs.isEmpty {
            if best < 0 || groups[group].classes[index].pass < groups[group].classes[best].pass { best = index }
        }
        return best
    }

    private func chooseStrictly(in group: Int) -> Choice {
        let highest = [1, 0, 2].first { !groups[group].classes[$0].jobs.isEmpty } ?? 0
        guard groups[group].startsSinceAged >= Self.agedShare - 1, let aged = aged(in: group), aged != highest else {
            return Choice(group: group, index: highest)
        }
        return Choice(group: group, index: aged, isAged: true)
    }

    /// The class whose first job has waited too long, and for longest.
    private func aged(in group: Int) -> Int? {
        guard let limit = policy.starvationLimit else { return nil }
        var oldest: (index: Int, since: Int64)?
        for index in [0, 2] {
            guard let since = groups[group].classes[index].jobs.eldest?.since, now - since >= limit else { continue }
            if oldest.map({ since < $0.since }) ?? true { oldest = (index, since) }
        }
        return oldest?.index
    }
}
