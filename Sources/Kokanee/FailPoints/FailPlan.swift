#if KOKANEE_FAIL_POINTS

    /// What is to happen at which passage of which fail point.
    struct FailPlan: Equatable, Sendable {
        enum Action: String, CaseIterable, Sendable {
            /// The process ends by SIGKILL: nothing is flushed, nobody is told.
            case kill
            /// The process stops by SIGSTOP, and goes on from here when it gets SIGCONT.
            case stop
            /// The step fails.
            case fail
            /// The thread never returns.
            case wedge
        }

        struct Rule: Equatable, Sendable {
            var point: FailPoint
            var action: Action
            /// The first passage is 1.
            var passages: ClosedRange<Int>
        }

        /// By how many milliseconds the process's wall clock is to be wrong.
        let clockSkew: Int64
        private let rules: [Rule]
        private var passed: [FailPoint: Int] = [:]

        init(_ rules: [Rule], clockSkew: Int64 = 0) {
            self.rules = rules
            self.clockSkew = clockSkew
        }

        /// Counts a passage; returns what is to happen at it. Where several rules say something, the first one counts.
        mutating func pass(_ point: FailPoint) -> Action? {
            let passage = passed[point, default: 0] + 1
            passed[point] = passage
            return rules.first { $0.point == point && $0.passages.contains(passage) }?.action
        }
    }

    extension FailPoint {
        /// The case's name with a dot before its second word: `hop.acknowledged`.
        var name: String {
            "\(self)".reduce(into: "") { $0 += $1.isUppercase ? ".\($1.lowercased())" : "\($1)" }
        }

        /// Whether what stands here is a step that fails in earnest, too.
        var canFail: Bool {
            switch self {
            case .attemptStarting, .attemptEnded, .hopProducing, .hopAcknowledged, .marksProducing,
                .marksAcknowledged, .commitSending, .commitAcknowledged, .partitionsAssigning:
                true
            case .dispatcherTurn, .recordRead, .recordDecoded, .hopProduced, .jobFinished, .marksProduced, .commitSent,
                .partitionsAssigned, .partitionsRevoked, .partitionsDrained, .partitionsLost, .groupLeaving,
                .outputsCommitting, .outputsProduced, .outputsCommitted:
                false
            }
        }
    }

#endif
