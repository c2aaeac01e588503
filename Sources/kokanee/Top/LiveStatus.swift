internal import Kokanee
internal import RdKafka

/// Looks at queues again and again, and draws how they stand.
struct LiveStatus: Sendable {
    /// How soon a terminal that has another size is drawn on anew, where the interval is longer.
    private static let resizeCheck = Duration.milliseconds(500)

    let lookup: QueueLookup
    /// None is all of the cluster.
    let named: [Queue]
    let interval: Duration
    let showsPartitions: Bool
    let screen: Screen
    let words: HeldWords
    let servers: String
    /// Called when the person at the terminal wants it to end.
    let end: @Sendable () -> Void

    /// Goes on until the task is cancelled.
    ///
    /// - Parameter text: the interval, for people.
    /// - Throws: what the first look threw, as `status` would; later ones are told on the screen. What the screen threw.
    func run(every text: String) async throws {
        let ending = Screen.hasKeys ? "q or Ctrl-C ends it" : "Ctrl-C ends it"
        var board = StatusBoard(servers: servers, interval: text, ending: ending)
        var isFirst = true
        while true {
            let start = ContinuousClock.now
            do {
                board.take(try await looks(isFirst: isFirst), at: Timestamp.now, words: words.take())
            } catch let error where !isFirst && !(error is CancellationError) {
                board.fail(Self.message(error, servers), at: Timestamp.now, words: words.take())
            } catch let error as KafkaError where error.meansNoBroker {
                throw Failure(ExitCode.noBroker(servers, error), code: .unavailable)
            }
            if isFirst {
                words.hold()
                try screen.open()
                screen.watchKeys(onEnd: end)
                isFirst = false
            }
            try await show(board, for: max(interval, ContinuousClock.now - start))
        }
    }

    /// - Throws: what concerns more than one queue; at first what concerns a queue that is named, too.
    private func looks(isFirst: Bool) async throws -> [StatusBoard.Seen] {
        var seen: [StatusBoard.Seen] = []
        for queue in named.isEmpty ? try await lookup.queues() : named {
            do {
                let (status, report) = try await lookup.look(at: queue)
                let text = report.text(showsPartitions: showsPartitions)
                seen.append(.init(queue: queue.name, result: .success(.init(status: status, text: text))))
            } catch let error where QueueLookup.isOfOneQueue(error) && (!isFirst || named.isEmpty) {
                let failure = Failure(Self.message(error, servers))
                seen.append(.init(queue: queue.name, result: .failure(failure)))
            }
        }
        return seen
    }

    private static func message(_ error: any Error, _ servers: String) -> String {
        let message = ExitCode.outcome(of: error, bootstrapServers: servers).message ?? "\(error)"
        return message.split(separator: "\n").first.map(String.init) ?? message
    }

    private func show(_ board: StatusBoard, for time: Duration) async throws {
        let end = ContinuousClock.now + time
        var size = Screen.size
        try draw(board, size)
        while ContinuousClock.now < end {
            try await Task.sleep(until: min(end, .now + Self.resizeCheck), clock: .continuous)
            guard Screen.size != size else { continue }
            size = Screen.size
            try draw(board, size)
        }
    }

    private func draw(_ board: StatusBoard, _ size: Frame.Size) throws {
        try screen.draw(Frame(board.lines, size: size, usesColour: screen.usesColour))
    }
}
