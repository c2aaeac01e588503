/// What happened in histories: the proof that they reach what they are meant to.
struct Tally: Sendable {
    enum Event: Int, CaseIterable {
        case jobs, attempts, completed, discarded, deadLetters, badRecords, refusals, held, expired, skippedOffsets,
            skewedClocks
        case rebalances, crashes, stops, frozenWorkers, lostPartitions, leasesLapsed, zombieOverlaps
        case adopted, fenced, timeouts, givenUp, circuitOpened, leftForLimits, postponed, abandonedStops
        case skipped, marks, effectsAgain, checkpoints, checkpointsFound
        case firings, ticksPassedOver, ticksMissed, endsNoted
        case keepers, keepersShutOut, keeperAnswersLost, firingsTakenBack
        case failedHops, doubledHops, refusedCommits, lostAnswers, metadataTooLarge, unknownOffsets
        case retentionCuts, recordsLost
        case againAfterCrash, againAfterSilence, againAfterHandback, againAfterLastCommit, againAfterMetadataCut
        case againAfterUnknownOffsets

        /// `runAgain` as `run again`.
        var words: String {
            "\(self)".reduce(into: "") { text, letter in
                if letter.isUppercase { text += " " }
                text += letter.lowercased()
            }
        }
    }

    private(set) var counts = [Int](repeating: 0, count: Event.allCases.count)
    /// In how many histories an event came.
    private(set) var histories = [Int](repeating: 0, count: Event.allCases.count)
    private(set) var total = 0

    mutating func note(_ event: Event, _ count: Int = 1) {
        counts[event.rawValue] += count
    }

    mutating func note(_ cause: Cause) {
        switch cause {
        case .crash: note(.againAfterCrash)
        case .silence: note(.againAfterSilence)
        case .handedBack: note(.againAfterHandback)
        case .lastCommit: note(.againAfterLastCommit)
        case .metadataCut: note(.againAfterMetadataCut)
        case .offsetsUnknown: note(.againAfterUnknownOffsets)
        }
    }

    /// Adds one history's tally to a sum.
    mutating func add(_ history: Tally) {
        total += 1
        for index in counts.indices {
            counts[index] += history.counts[index]
            if history.counts[index] > 0 { histories[index] += 1 }
        }
    }

    mutating func add(sum: Tally) {
        total += sum.total
        for index in counts.indices {
            counts[index] += sum.counts[index]
            histories[index] += sum.histories[index]
        }
    }

    func count(_ event: Event) -> Int { counts[event.rawValue] }

    var table: String {
        let lines = Event.allCases.enumerated().map { index, event in
            let name = event.words.padded(to: 30)
            return "  \(name)\(String(counts[index]).leftPadded(to: 12))\(String(histories[index]).leftPadded(to: 12))"
        }
        return (["  \("what happened".padded(to: 30))       times   histories"] + lines).joined(separator: "\n")
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    fileprivate func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}
