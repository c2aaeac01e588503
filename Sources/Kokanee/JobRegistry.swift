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

    /// One name of a registered type. Its address is its identity, by which a worker knows it.
    final class Entry: Sendable {
        /// What stands on the wire: the type, or an alias of it. Nil is the one that runs every type.
        let name: String?
        /// The name that the handler is registered under.
        let type: String?
        let version: Int
        /// With its middleware around it.
        let handler: any JobHandler
        /// The same, if it is one, and nothing is around it.
        let directHandler: (any DirectHandler)?
        let middleware: [any JobMiddleware]
        private let innermost: any JobHandler
        /// What its attempts cost; see ``AttemptCost``.
        let cost: AttemptCost
        /// Nil where payloads are taken as they come.
        let payload: PayloadDescription?

        convenience init(name: String?, version: Int, handler: any JobHandler, payload: PayloadDescription? = nil) {
            self.init(name, type: name, version, handler, [], payload, AttemptCost())
        }

        /// Another name of the same.
        convenience init(alias: String, of entry: Entry) {
            self.init(
                alias,
                type: entry.type,
                entry.version,
                entry.innermost,
                entry.middleware,
                entry.payload,
                entry.cost
            )
        }

        private init(
            _ name: String?,
            type: String?,
            _ version: Int,
            _ innermost: any JobHandler,
            _ middleware: [any JobMiddleware],
            _ payload: PayloadDescription?,
            _ cost: AttemptCost
        ) {
            self.name = name
            self.type = type
            self.version = version
            self.innermost = innermost
            self.middleware = middleware
            self.payload = payload
            self.cost = cost
            handler = middleware.around(innermost)
            directHandler = handler as? any DirectHandler
        }

        func with(_ middleware: [any JobMiddleware]) -> Entry {
            Entry(name, type: type, version, innermost, middleware, payload, cost)
        }

        var isAlias: Bool { name != type }
    }

    private let codec: any PayloadCodec
    private(set) var entries: [String: Entry] = [:]
    private(set) var catchAll: Entry?
    /// The types whose outputs are committed with their jobs.
    private(set) var outputTypes: Set<String> = []

    /// - Parameter codec: decodes the payloads of all types that are not registered for raw bytes.
    public init(codec: any PayloadCodec = .json) {
        self.codec = codec
    }

    /// - Throws: ``InputError`` where the type is registered already, or its name or version could not be on the wire.
    public mutating func register<J: Job>(_: J.Type) throws {
        try register(
            J.type,
            version: J.version,
            aliases: J.aliases,
            payload: J.self,
            defaults: J.defaults,
            upgrades: J.upgrades
        ) { job, context in
            try await job.perform(context)
        }
    }

    /// Registers a closure, for jobs whose work needs what their payload doesn't carry.
    ///
    /// - Parameters:
    ///   - version: the newest version of the payload that `perform` understands.
    ///   - aliases: as ``Job/aliases``, of which ``alias(_:of:)`` adds more.
    ///   - defaults: as ``Job/defaults``.
    ///   - upgrades: as ``Job/upgrades``.
    /// - Throws: as ``register(_:)``.
    public mutating func register<Payload: Decodable & Sendable>(
        _ type: String,
        version: Int = 1,
        aliases: [String] = [],
        payload: Payload.Type,
        defaults: [String: any Encodable & Sendable] = [:],
        upgrades: [PayloadUpgrade] = [],
        perform: nonisolated(nonsending) @escaping @Sendable (Payload, JobContext) async throws -> Void
    ) throws {
        let evolution = try PayloadEvolution(
            of: type,
            version: version,
            defaults: defaults,
            upgrades: upgrades,
            codec: codec
        )
        let decoding = DecodingHandler(codec: codec, perform: perform)
        let handler: any JobHandler = evolution.map { EvolvingHandler(evolution: $0, handler: decoding) } ?? decoding
        var changed = self
        try changed.register(type, version, handler, PayloadDescription(of: payload, evolution))
        for name in aliases { try changed.alias(name, of: type) }
        self = changed
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
        try register(type, version, handler, nil)
    }

    private mutating func register(
        _ type: String,
        _ version: Int,
        _ handler: any JobHandler,
        _ payload: PayloadDescription?
    ) throws {
        try NewJob.validate("job type", type)
        guard (1...Int(Int32.max)).contains(version) else {
            throw InputError("the version of \(type) is an integer from 1 up, not \(version)")
        }
        try add(Entry(name: type, version: version, handler: handler, payload: payload), named: type)
    }

    /// Runs jobs that come under an earlier name as those of the registered type.
    ///
    /// Such a job keeps the name that it came with, in ``JobContext/type``, on the ladder and as a dead letter: only its
    /// handler is found by the new one.
    ///
    /// - Parameter type: registered before; its name, or an alias of it.
    /// - Throws: ``InputError`` where nothing of the kind is registered, or the earlier name is.
    public mutating func alias(_ name: String, of type: String) throws {
        try NewJob.validate("job type", name)
        guard let entry = entries[type] else {
            throw InputError(
                "\(SafeText.quoted(name)) can't be another name of \(SafeText.quoted(type)): register that first"
            )
        }
        try add(Entry(alias: name, of: entry), named: name)
    }

    private mutating func add(_ entry: Entry, named name: String) throws {
        guard entries[name] == nil else {
            throw InputError("the job type \(SafeText.quoted(name)) is registered twice")
        }
        entries[name] = entry
    }

    /// Runs all types that are not registered, in any version; the last call counts.
    public mutating func registerCatchAll(_ handler: any JobHandler) {
        catchAll = Entry(name: nil, version: .max, handler: handler)
    }

    /// Has what a type's jobs produce by ``JobContext/produce(_:)`` become visible together with their completion, in one
    /// Kafka transaction.
    ///
    /// The type's jobs then cost a transaction, which jobs that end at the same time share, and some milliseconds each; the
    /// worker keeps a transactional producer, with threads of its own, for each partition that such jobs come from.
    ///
    /// - Throws: ``InputError`` where nothing runs the type yet: register it first.
    public mutating func commitsOutputs(_ type: String) throws {
        guard entry(of: type) != nil else {
            throw InputError("the job type \(SafeText.quoted(type)) is not registered; register it first")
        }
        outputTypes.insert(entries[type]?.type ?? type)
    }

    /// Has the attempts of a type run inside these, and these inside those that it has already.
    mutating func use(_ middleware: [any JobMiddleware], for type: String) throws {
        guard let type = entries[type]?.type else {
            throw InputError("register the job type \(SafeText.quoted(type)) before its middleware")
        }
        // Jobs that come under an alias are the same jobs.
        for (name, entry) in entries where entry.type == type {
            entries[name] = entry.with(entry.middleware + middleware)
        }
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

    /// The registered types, sorted; not their aliases.
    var types: [String] { entries.values.filter { !$0.isAlias }.compactMap(\.name).sorted() }

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

/// Brings payloads up to what the handler decodes. Types without defaults and upgrades do without it.
private struct EvolvingHandler<Handler: JobHandler>: JobHandler {
    let evolution: PayloadEvolution
    let handler: Handler

    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws {
        let current = try evolution.apply(to: payload, version: context.version, of: context.type)
        try await handler.perform(current, context)
    }
}

private struct BytesHandler: JobHandler {
    let perform: nonisolated(nonsending) @Sendable (Bytes, JobContext) async throws -> Void

    nonisolated(nonsending) func perform(_ payload: Bytes, _ context: JobContext) async throws {
        try await perform(payload, context)
    }
}
