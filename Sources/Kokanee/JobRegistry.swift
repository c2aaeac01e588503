public import RdKafka

/// The job types that a worker knows, and what runs them.
///
///     var jobs = JobRegistry()
///     try jobs.register(SendInvoice.self)
///     try jobs.register("report.build", payload: Report.self) { report, context in
///         try await database.build(report)
///     }
public struct JobRegistry: Sendable {
    /// What a worker does with a job of some type and version.
    public enum Resolution: Sendable {
        case handler(any JobHandler)
        /// Nothing runs the type; `known` is sorted.
        case unknownType(known: [String])
        /// The handler knows versions up to `known` only.
        case versionTooNew(known: Int)
    }

    private struct Entry: Sendable {
        let version: Int
        let handler: any JobHandler
    }

    private let codec: any PayloadCodec
    private var entries: [String: Entry] = [:]
    private var catchAll: (any JobHandler)?

    /// - Parameter codec: decodes the payloads of all types that are not registered for raw bytes.
    public init(codec: any PayloadCodec = .json) {
        self.codec = codec
    }

    /// - Throws: ``InputError`` where the type is registered already, or its name or version could not be on the wire.
    public mutating func register<J: Job>(_: J.Type) throws {
        try register(J.type, version: J.version, payload: J.self) { job, context in
            try await job.perform(context)
        }
    }

    /// Registers a closure, for jobs whose work needs what their payload doesn't carry.
    ///
    /// - Parameter version: the newest version of the payload that `perform` understands.
    /// - Throws: as ``register(_:)``.
    public mutating func register<Payload: Decodable & Sendable>(
        _ type: String,
        version: Int = 1,
        payload: Payload.Type,
        perform: @escaping @Sendable (Payload, JobContext) async throws -> Void
    ) throws {
        try register(type, version: version, handler: DecodingHandler(codec: codec, perform: perform))
    }

    /// Registers a closure that takes the payload as it is; empty where the record's value is null.
    public mutating func register(
        _ type: String,
        version: Int = 1,
        perform: @escaping @Sendable (Bytes, JobContext) async throws -> Void
    ) throws {
        try register(type, version: version, handler: BytesHandler(perform: perform))
    }

    public mutating func register(_ type: String, version: Int = 1, handler: any JobHandler) throws {
        try NewJob.validate("job type", type)
        guard (1...Int(Int32.max)).contains(version) else {
            throw InputError("the version of \(type) is an integer from 1 up, not \(version)")
        }
        guard entries.updateValue(Entry(version: version, handler: handler), forKey: type) == nil else {
            throw InputError("the job type \(SafeText.quoted(type)) is registered twice")
        }
    }

    /// Runs all types that are not registered, in any version; the last call counts.
    public mutating func registerCatchAll(_ handler: any JobHandler) {
        catchAll = handler
    }

    public func resolve(type: String, version: Int) -> Resolution {
        if let entry = entries[type] {
            return version <= entry.version ? .handler(entry.handler) : .versionTooNew(known: entry.version)
        }
        if let catchAll { return .handler(catchAll) }
        return .unknownType(known: entries.keys.sorted())
    }
}

private struct DecodingHandler<Payload: Decodable & Sendable>: JobHandler {
    let codec: any PayloadCodec
    let perform: @Sendable (Payload, JobContext) async throws -> Void

    func perform(_ payload: Bytes, _ context: JobContext) async throws {
        let decoded: Payload
        do {
            decoded = try codec.decode(Payload.self, from: payload)
        } catch {
            throw PayloadError(type: context.type, version: context.version, cause: error)
        }
        try await perform(decoded, context)
    }
}

private struct BytesHandler: JobHandler {
    let perform: @Sendable (Bytes, JobContext) async throws -> Void

    func perform(_ payload: Bytes, _ context: JobContext) async throws {
        try await perform(payload, context)
    }
}
