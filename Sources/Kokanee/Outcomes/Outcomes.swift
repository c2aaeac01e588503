/// What is marked of one partition's jobs: which were completed, by which build and in which replay, and which failed at
/// least once.
///
/// By the offset that a job had in the queue's main topic, wherever it was run. Marks are made since Kokanee makes them,
/// by workers that do, and as long as the state topic keeps them: that an offset has none proves nothing.
struct Outcomes: Equatable, Sendable {
    /// What workers of one build completed, live or in one replay.
    struct Completed: Equatable, Sendable {
        /// "" where the worker did not say.
        let build: String
        /// Nil is live work.
        let replay: String?
        var offsets: OffsetSet
    }

    /// Whose work is meant.
    enum Work: Equatable, Sendable {
        case any
        case live
        case replay(String)

        func includes(_ replay: String?) -> Bool {
            switch self {
            case .any: true
            case .live: replay == nil
            case .replay(let id): replay == id
            }
        }
    }

    /// One entry for each build and replay, sorted by both.
    private(set) var completed: [Completed] = []
    /// Jobs of which an attempt failed, whatever came later.
    private(set) var failed = OffsetSet()

    init() {}

    var isEmpty: Bool { completed.isEmpty && failed.isEmpty }

    /// The jobs that were completed.
    ///
    /// - Parameters:
    ///   - builds: by any of these; nil is all.
    ///   - excluded: not by these. A job that one of them and another build completed is contained.
    ///   - work: live, in a replay, or both.
    func completed(by builds: [String]? = nil, excluding excluded: [String] = [], in work: Work = .any) -> OffsetSet {
        var offsets = OffsetSet()
        for entry in completed where work.includes(entry.replay) && !excluded.contains(entry.build) {
            if let builds, !builds.contains(entry.build) { continue }
            offsets.formUnion(entry.offsets)
        }
        return offsets
    }

    /// Adds the bits of a chunk of ``OffsetSet``.
    mutating func addCompleted(build: String, replay: String?, chunk number: Int64, _ words: [UInt64]) {
        let place = (build, replay ?? "")
        let index = completed.firstIndex { ($0.build, $0.replay ?? "") >= place } ?? completed.count
        if index == completed.count || completed[index].build != build || completed[index].replay != replay {
            completed.insert(Completed(build: build, replay: replay, offsets: OffsetSet()), at: index)
        }
        completed[index].offsets.formUnion(chunk: number, words)
    }

    mutating func addFailed(chunk number: Int64, _ words: [UInt64]) {
        failed.formUnion(chunk: number, words)
    }
}
