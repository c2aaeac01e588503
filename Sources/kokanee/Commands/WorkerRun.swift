internal import Kokanee

extension Context {
    /// Runs a worker to its end, which an interruption asks for, and shows how far it is meanwhile.
    ///
    /// - Parameters:
    ///   - noun: what is counted, in the plural.
    ///   - interval: between two looks.
    ///   - look: tells how far it is; nil leaves the display as it is.
    func run(
        _ worker: Worker,
        counting noun: String,
        every interval: Duration,
        _ look: @escaping @Sendable () async -> (count: Int, fraction: Double?)?
    ) async -> Result<Void, any Error> {
        let progress = Progress(noun, console: console)
        return await withTaskGroup(of: Result<Void, any Error>?.self) { group in
            group.addTask {
                do {
                    return .success(try await worker.run())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await interruption.wait()
                if interruption.isRequested {
                    console.say("ending: running jobs may finish; a second SIGINT ends at once")
                }
                worker.stop()
                return nil
            }
            group.addTask {
                while !Task.isCancelled {
                    if let now = await look() { progress.update(count: now.count, fraction: now.fraction) }
                    try? await Task.sleep(for: interval)
                }
                return nil
            }
            var result: Result<Void, any Error>?
            while result == nil, let ended = await group.next() { result = ended }
            progress.finish()
            group.cancelAll()
            return result ?? .success(())
        }
    }
}

extension WorkerStatistics {
    /// What was done in so many seconds, in a line.
    func sentence(seconds: Double) -> String {
        """
        completed \(completed), failed attempts \(failedAttempts), retried \(retried), dead \(dead), \
        discarded \(discarded), cancelled \(cancelled), in \((seconds * 10).rounded() / 10) s
        """
    }
}
