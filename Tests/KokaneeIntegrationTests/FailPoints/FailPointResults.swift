@testable import Kokanee

/// The cases of all fail points, played once, at the first test that asks.
enum FailPointResults {
    static let shared = Task {
        try await FailStage.play(
            kills: FailPoint.allCases.flatMap(kills),
            failures: FailPoint.allCases.filter(\.canFail).flatMap(failures)
        )
    }

    /// The stage's jobs produce nothing: see OutputCrashTests.
    static func areOutputs(_ point: FailPoint) -> Bool {
        [.outputsCommitting, .outputsProduced, .outputsCommitted].contains(point)
    }

    private static func kills(at point: FailPoint) -> [FailCase] {
        switch point {
        case .dispatcherTurn: [.kill(point, at: 1), .kill(point, at: 30)]
        case .recordRead, .recordDecoded: [.kill(point, at: 1), .kill(point, at: 5)]
        case .attemptStarting: [.kill(point, at: 1), .kill(point, at: 4)]
        case .attemptEnded: [.kill(point, at: 1), .kill(point, at: 2), .kill(point, at: 5)]
        case .hopProducing, .hopProduced: [.kill(point, at: 1), .kill(point, at: 4)]
        // To the rung, to the dead letters by a verdict, and from the rung to the dead letters.
        case .hopAcknowledged: [.kill(point, at: 1), .kill(point, at: 2), .kill(point, at: 4)]
        case .jobFinished: [.kill(point, at: 1), .kill(point, at: 6)]
        case .marksProducing, .marksProduced, .marksAcknowledged: [.kill(point, at: 1), .kill(point, at: 2)]
        case .commitSending, .commitSent, .commitAcknowledged: [.kill(point, at: 1), .kill(point, at: 2)]
        case .partitionsAssigning, .partitionsAssigned: [.kill(point, at: 1)]
        case .partitionsRevoked: [.kill(point, at: 1, .isJoined)]
        case .partitionsDrained: [.kill(point, at: 1, .isJoined), .kill(point, at: 1, .isStopped)]
        case .partitionsLost: [.kill(point, at: 1, .wakesUp)]
        case .groupLeaving: [.kill(point, at: 1, .isStopped)]
        case .outputsCommitting, .outputsProduced, .outputsCommitted: []
        }
    }

    /// Of those that ``FailPoint/canFail``.
    private static func failures(of point: FailPoint) -> [FailCase] {
        switch point {
        // Marks that were refused are tried again only seconds later.
        case .marksProducing, .marksAcknowledged: [.fail(point, times: 1)]
        case .attemptStarting, .attemptEnded, .hopAcknowledged: [.fail(point, times: 2)]
        case .hopProducing, .commitSending, .commitAcknowledged: [.fail(point, times: 3)]
        // Three times is as often as the offsets are asked for; librdkafka then begins at the group's by itself.
        case .partitionsAssigning: [.fail(point, times: 2), .fail(point, times: 3)]
        case .dispatcherTurn, .recordRead, .recordDecoded, .hopProduced, .jobFinished, .marksProduced, .commitSent,
            .partitionsAssigned, .partitionsRevoked, .partitionsDrained, .partitionsLost, .groupLeaving,
            .outputsCommitting, .outputsProduced,
            .outputsCommitted:
            []
        }
    }
}
