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

    /// One registered type. Its address is its identity, by which a worker knows it.
    final class Entry: Sendable {
        /// Nil is the one that runs every type.
        let name: String?
        let version: Int
        /// With its middleware around it.
        let handler: any JobHandler
        let middleware: [any JobMiddleware]
        private let innermost: any JobHandler
        /// What its attempts cost; see ``AttemptCost``.
        let cost = AttemptCost()

        init(name: String?, version: Int, handler: any JobHandler, middleware: [any JobMiddleware] = []) {
            self.name = name
            self.version = version
            self.middleware = middleware
            innermost = handler
            self.handler = middleware.around(handler)
        }

        func with(_ middleware: [any JobMiddleware]) -> Entry {
            Entry(name: name, version: version, handler: innermost, middleware: middleware)
        }
    }

    private let codec: any PayloadCodec
    private(set) var entries: [String: Entry] = [:]
    private(set) var catchAll: Entry?

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
        perform: nonisolated(nonsending) @escaping @Sendable (Payload, JobContext) async throws -> Void
    ) throws {
        try register(type, version: version, handler: DecodingHandler(codec: codec, perform: perform))
    }

    /// Registers a closure that takes the payload as it is; empty where the record's value is null.
    public mutating func register(
        _ type: String,
        version: Int = 1,
        perform: nonisolated(nonsending) @escaping @Sendable (Bytes, JobContext) async throws -> Void
    ) throws {
        try register(type, version: version, handler: BytesHandler(perform: perform))
    }

    public mutating func register(_ type: String, version: Int = 1, handler: any JobHandler) throws {
        try NewJob.validate("job type", type)
        guard (1...Int(Int32.max)).contains(version) else {
            throw InputError("the version of \(type) is an integer from 1 up, not \(version)")
        }
        let entry = Entry(name: type, version: version, handler: handler)
        guard entries.updateValue(entry, forKey: type) == nil else {
            throw InputError("the job type \(SafeText.quoted(type)) is registered twice")
        }
    }

    /// Runs all types that are not registered, in any version; the last call counts.
    public mutating func registerCatchAll(_ handler: any JobHandler) {
        catchAll = Entry(name: nil, version: .max, handler: handler)
    }

    /// Has the attempts of a type run inside these, and these inside those that it has already.
    mutating func use(_ middleware: [any JobMiddleware], for type: String) throws {
        guard let entry = entries[type] else {
            throw InputError("register the job type \(SafeText.quoted(type)) before its middleware")
        }
        entries[type] = entry.with(entry.middleware + middleware)
    }

    /// The same types, all inside these.
    func inside(_ middleware: [any JobMiddleware]) -> JobRegistry {
        guard !middleware.isEmpty else { return self }
        var registry = self
        registry.entries = entries.mapValues { $0.with(middleware + $0.middleware) }
        registry.catchAll = catchAll.map { $0.with(middleware + $0.middleware) }
        return registry
    }

    /// What runs a type, whatever its version; nil where nothing does.
    func entry(of type: String) -> Entry? { entries[type] ?? catchAll }

    /// The registered types, sorted.
    var types: [String] { entries.keys.sorted() }

    public func resolve(type: String, version: Int) -> Resolution {
        guard let entry = entry(of: type) else { return .unknownType(known: types) }
        return version <= entry.version ? .handler(entry.handler) : .versionTooNew(known: entry.version)
    }
}

private struct DecodingHandler<Payload: Decodable & Sendable>: JobHandler {
    let codec: any PayloadCodec
    let perform: nonisolated(nonsending) @Sendable (Payload, JobContext) async throws -> Void

    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws {
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
    let perform: nonisolated(nonsending) @Sendable (Bytes, JobContext) async throws -> Void

    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws {
        try await perform(payload, context)
    }
}
