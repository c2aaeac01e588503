internal import FoundationEssentials
public import RdKafka

/// The job types of a build, as `kokanee jobs check` compares them with another build's.
///
/// Let every release write them, say in its tests or with a flag of its worker:
///
///     try jobs.writeShapes(to: "jobs.json", build: "2026-11-26")
public struct JobShapes: Sendable, Hashable, Codable {
    public struct JobType: Sendable, Hashable, Codable {
        public var type: String
        public var version: Int
        public var aliases: [String]
        /// The versions that an upgrade leads from.
        public var upgradesFrom: [Int]
        /// Nil where payloads are taken as bytes.
        public var payload: PayloadShape?

        public init(
            type: String,
            version: Int,
            aliases: [String] = [],
            upgradesFrom: [Int] = [],
            payload: PayloadShape? = nil
        ) {
            self.type = type
            self.version = version
            self.aliases = aliases
            self.upgradesFrom = upgradesFrom
            self.payload = payload
        }
    }

    /// What a file of them begins with.
    static let format = "kokanee-job-shapes/1"

    public var format = Self.format
    public var build: String?
    /// By their names.
    public var types: [JobType]
    /// Whether the build runs every type that it does not name, in any version.
    public var runsOthers: Bool

    public init(types: [JobType], runsOthers: Bool = false, build: String? = nil) {
        self.types = types
        self.runsOthers = runsOthers
        self.build = build
    }

    /// Reads what ``text`` is.
    ///
    /// - Throws: ``InputError`` for anything else.
    public init(text: Bytes) throws {
        let shapes: JobShapes
        do {
            shapes = try JSONCodec().decode(JobShapes.self, from: text)
        } catch {
            let cause = PayloadError(type: "", version: 1, cause: error).reason
            throw InputError("these are no job shapes, as a build writes them: \(cause)")
        }
        guard shapes.format == Self.format else {
            throw InputError(
                "these are no job shapes that this release knows: their format is \(SafeText.quoted(shapes.format))"
            )
        }
        self = shapes
    }

    /// JSON, a member a line, so that two builds' can be compared by eye, too.
    public var text: Bytes {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Nothing in it can fail to be encoded.
        let data = try? encoder.encode(self)
        return Bytes(Array(data ?? Data()) + [UInt8(ascii: "\n")])
    }
}

extension JobRegistry {
    /// The registered types as they are in this build; see ``PayloadShape/init(of:)``.
    public var shapes: JobShapes {
        let aliases = Dictionary(grouping: entries.values.filter(\.isAlias)) { $0.type ?? "" }
        let types = entries.values.filter { !$0.isAlias }.map { entry in
            let name = entry.name ?? ""
            return JobShapes.JobType(
                type: name,
                version: entry.version,
                aliases: (aliases[name] ?? []).compactMap(\.name).sorted(),
                upgradesFrom: entry.payload?.upgradesFrom ?? [],
                payload: entry.payload?.shape
            )
        }
        return JobShapes(types: types.sorted { $0.type < $1.type }, runsOthers: catchAll != nil)
    }

    /// Writes the types' shapes to a file, which is there whole or not at all.
    ///
    /// - Parameter build: names the release in what `kokanee jobs check` prints.
    /// - Throws: where the file can't be written.
    public func writeShapes(to path: String, build: String? = nil) throws {
        var shapes = shapes
        shapes.build = build
        try Data(shapes.text.array).write(to: URL(filePath: path), options: .atomic)
    }
}
