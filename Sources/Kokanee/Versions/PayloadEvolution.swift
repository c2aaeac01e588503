internal import RdKafka

/// What makes a payload of an older version, or without some members, one that a handler can decode.
struct PayloadEvolution: Sendable {
    /// The handler's.
    let version: Int
    private let steps: [Int: PayloadUpgrade]
    /// In JSON, in the order of their names.
    private let defaults: [(name: String, json: [UInt8])]
    private let codec: any PayloadCodec

    /// Nil where there is nothing to be done.
    ///
    /// - Throws: ``InputError`` for upgrades that lead nowhere, or that only JSON can have.
    init?(
        of type: String,
        version: Int,
        defaults: [String: any Encodable & Sendable],
        upgrades: [PayloadUpgrade],
        codec: any PayloadCodec
    ) throws {
        guard !defaults.isEmpty || !upgrades.isEmpty else { return nil }
        guard codec.isJSON || defaults.isEmpty && !upgrades.contains(where: \.needsJSON) else {
            throw InputError("defaults and edits of \(type) want payloads in JSON, not in \(codec.contentType)")
        }
        var steps: [Int: PayloadUpgrade] = [:]
        for upgrade in upgrades {
            guard upgrade.from >= 1, upgrade.to > upgrade.from, upgrade.to <= version else {
                let what = "from version \(upgrade.from) to \(upgrade.to)"
                throw InputError("an upgrade of \(type) \(what) can't be: versions rise, from 1 to its own, \(version)")
            }
            guard steps.updateValue(upgrade, forKey: upgrade.from) == nil else {
                throw InputError("\(type) has two upgrades from version \(upgrade.from)")
            }
        }
        self.version = version
        self.steps = steps
        self.codec = codec
        self.defaults = try defaults.sorted { $0.key < $1.key }.map { name, value in
            (name, try Self.json(value, of: "\(type).\(name)"))
        }
    }

    /// The versions that an upgrade leads from, sorted.
    var upgradedVersions: [Int] { steps.keys.sorted() }

    var defaultedMembers: [String] { defaults.map(\.name) }

    /// - Parameters:
    ///   - payload: of `version`, which is the handler's or an older one.
    ///   - type: as the job names it, for an error.
    /// - Throws: ``PayloadError``, or the ``JobError`` of an upgrade.
    func apply(to payload: Bytes, version: Int, of type: String) throws -> Bytes {
        var (payload, reached) = (payload, version)
        while reached < self.version {
            guard let step = steps[reached] else {
                reached += 1
                continue
            }
            do {
                payload = try step.apply(payload, codec)
            } catch let error as JobError {
                throw error
            } catch {
                throw PayloadError(type: type, version: reached, upgradingTo: step.to, cause: error)
            }
            reached = step.to
        }
        return defaults.isEmpty ? payload : filled(payload)
    }

    /// What is no object is left as it is: that it does not fit is the decoder's to say.
    private func filled(_ payload: Bytes) -> Bytes {
        guard var object = try? PayloadObject(payload) else { return payload }
        var isWhole = true
        for (name, json) in defaults where !object.contains(name) {
            object.set(name, json: json)
            isWhole = false
        }
        return isWhole ? payload : object.payload
    }

    private static func json(_ value: any Encodable, of name: String) throws -> [UInt8] {
        do {
            return try JSONCodec().encode(value).array
        } catch {
            throw InputError("the default of \(name) can't be encoded: \(error)")
        }
    }
}

extension PayloadCodec {
    var isJSON: Bool {
        let mediaType = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return mediaType.hasSuffix("/json") || mediaType.hasSuffix("+json")
    }
}
