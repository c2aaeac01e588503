@testable import Kokanee

/// A commit on its way to the coordinator, or its answer on its way back.
struct CommitRequest {
    let tag: Int
    let member: Int?
    let generation: Int
    /// What the worker takes the coordinator's limit to be.
    let metadataLimit: Int
    let commits: [(commit: Scheduler<ModelWorker.Content>.Commit, metadata: String, epoch: Epoch?)]
    var arrivesAt: Int64
    var answersAt: Int64
    /// Its answer never comes.
    let isUnanswered: Bool
    /// The coordinator refuses it for a reason of its own.
    let isRefused: Bool
    /// Nil until it has arrived.
    var answer: Answer?

    enum Answer {
        case done
        case refused(ModelGroup.Refusal)
    }
}

/// What `CommitPacer` remembers.
struct ModelPacer {
    static let patience: Int64 = 60_000
    static let lastCommitLimit: Int64 = 5000
    static let confirmationInterval: Int64 = 500

    var nextAt: Int64 = 0
    var outstanding: (tag: Int, ids: [Int])?
    var lastTag = 0
    var sentAt: Int64 = 0
    /// The commit whose acceptance confirms the membership, and when the next one may be sent.
    var confirmation: Int?
    var nextConfirmationAt: Int64 = 0
    var metadataLimit: Int
    /// On their way, in their order.
    var requests: [CommitRequest] = []

    init(limit: Int) {
        metadataLimit = limit
    }
}

extension ModelWorker {
    func commitIfDue() throws {
        try takeCommitResults()
        let now = simulation.now
        if commits.outstanding != nil, now - commits.sentAt > ModelPacer.patience { giveUpCommit() }
        guard commits.outstanding == nil, now >= commits.nextAt else { return }
        commits.nextAt = now + simulation.profile.commitInterval
        try sendCommit(isLast: false)
    }

    /// As `CommitPacer.confirm`.
    func sendConfirmation() throws {
        let now = simulation.now
        if commits.outstanding != nil, now - commits.sentAt > ModelPacer.patience { giveUpCommit() }
        guard commits.outstanding == nil, now >= commits.nextConfirmationAt else { return }
        commits.nextConfirmationAt = now + ModelPacer.confirmationInterval
        scheduler.commitAgain { _ in true }
        try sendCommit(isLast: false)
        commits.confirmation = commits.outstanding?.tag
    }

    func sendCommit(isLast: Bool) throws {
        let taken = scheduler.takeCommits().sorted { $0.partition < $1.partition }
        for commit in taken { epochs[commit.partition]?.lastClaim = (commit.offset, commit.completed) }
        if isLast { try checkLastCommit() }
        guard !taken.isEmpty else { return }
        let commits = taken.map { commit in
            guard self.commits.metadataLimit > 0 else { return (commit, "", epochs[commit.partition]) }
            let metadata = CommitMetadata(owner: "w:\(number)", movedAt: commit.movedAt, completed: commit.completed)
            let text = metadata.text(above: commit.offset, limit: self.commits.metadataLimit)
            return (commit, text, epochs[commit.partition])
        }
        let (dice, profile) = (simulation.dice, simulation.profile)
        self.commits.lastTag += 1
        self.commits.outstanding = (self.commits.lastTag, taken.map(\.partition))
        self.commits.sentAt = simulation.now
        let isLate = dice.chance(10)
        let earliest = max(simulation.now, self.commits.requests.last?.arrivesAt ?? 0)
        let arrivesAt = earliest + dice.time(in: 0...(isLate ? 6000 : 20))
        self.commits.requests.append(
            CommitRequest(
                tag: self.commits.lastTag,
                member: member,
                generation: generation,
                metadataLimit: self.commits.metadataLimit,
                commits: commits,
                arrivesAt: arrivesAt,
                answersAt: arrivesAt + dice.time(in: 0...(isLate ? 3000 : 20)),
                isUnanswered: dice.chance(profile.lostAnswers),
                isRefused: dice.chance(profile.refusedCommits)
            )
        )
    }

    /// The coordinator takes what has arrived, whatever has become of the worker.
    func deliverCommits() throws {
        for index in commits.requests.indices {
            guard commits.requests[index].answer == nil, commits.requests[index].arrivesAt <= simulation.now else {
                continue
            }
            commits.requests[index].answer = try simulation.take(commits.requests[index])
        }
    }

    func takeCommitResults() throws {
        while let first = commits.requests.first, let answer = first.answer, first.answersAt <= simulation.now {
            commits.requests.removeFirst()
            guard !first.isUnanswered else {
                simulation.tally.note(.lostAnswers)
                continue
            }
            guard let outstanding = commits.outstanding, outstanding.tag == first.tag else { continue }
            commits.outstanding = nil
            guard case .refused(let refusal) = answer else {
                if first.tag == commits.confirmation, lapsedAt != nil { try confirmLease(asOf: commits.sentAt) }
                continue
            }
            scheduler.commitFailed(outstanding.ids)
            guard case .metadataTooLarge = refusal else { continue }
            commits.metadataLimit = commits.metadataLimit > 512 ? commits.metadataLimit / 2 : 0
        }
    }

    func giveUpCommit() {
        guard let outstanding = commits.outstanding else { return }
        commits.outstanding = nil
        scheduler.commitFailed(outstanding.ids)
    }

    /// Whatever has been finished in its epochs is said by the last commit, or was by one before.
    private func checkLastCommit() throws {
        for intake in intakes {
            guard let epoch = epochs[intake.id] else { continue }
            for record in epoch.finished where !epoch.claims(record.place.offset) {
                throw Violation("\(record) is finished, and its epoch's last commit does not say so")
            }
        }
    }
}
