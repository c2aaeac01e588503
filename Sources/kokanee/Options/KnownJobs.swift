internal import Kokanee
internal import RdKafka

extension OptionValues {
    /// A type that `--knows` names, and the newest version of its payload.
    private static func known(_ text: String) -> (type: String, version: Int)? {
        guard let mark = text.lastIndex(of: "@") else { return (text, Int(Int32.max)) }
        guard let version = Int32(text[text.index(after: mark)...]), version >= 1 else { return nil }
        return (String(text[..<mark]), Int(version))
    }

    /// What `--knows` names, all run by one handler; all types where it is not given.
    func jobs(_ handler: any JobHandler) throws -> JobRegistry {
        var jobs = JobRegistry()
        guard isSet("knows") else {
            jobs.registerCatchAll(handler)
            return jobs
        }
        for text in strings("knows") {
            guard let (type, version) = Self.known(text) else {
                throw error("--knows is TYPE or TYPE@VERSION, the version an integer from 1 up, not \(text)")
            }
            do {
                try jobs.register(type, version: version, handler: handler)
            } catch {
                throw self.error("--knows: \(error)")
            }
        }
        return jobs
    }

    /// Checks what `--knows` names, before anything has begun.
    func checkKnownJobs() throws {
        _ = try jobs(Unused())
    }

    private struct Unused: JobHandler {
        func perform(_ payload: Bytes, _ context: JobContext) async throws {}
    }

    /// Nil for no time.
    func waitForDeploy() throws(UsageError) -> Duration? {
        guard let limit = try duration("wait-for-deploy") else { return nil }
        guard isSet("knows") else {
            throw error("--wait-for-deploy goes with --knows: without that CMD is taken to know all types")
        }
        guard (.milliseconds(1) ... .seconds(365 * 86_400)).contains(limit) else {
            throw error("--wait-for-deploy is from 1ms to 365d")
        }
        return limit
    }
}
