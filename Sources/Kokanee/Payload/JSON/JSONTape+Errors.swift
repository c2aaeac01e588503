/// A step of a path to a value: the name of a member, or an element's place.
struct JSONStep: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "Index \(intValue)"
        self.intValue = intValue
    }
}

extension JSONTape {
    /// What leads to a value that is in an object, or in an array and has been asked for.
    func path(to value: UInt32) -> [any CodingKey] {
        var steps: [any CodingKey] = []
        var index = value
        while entry(index).link != Self.none {
            if entry(entry(index).link).kind.isObject {
                steps.append(JSONStep(stringValue: name(ofMember: index)))
            } else {
                steps.append(JSONStep(intValue: Int(entry(index).mark)))
            }
            index = entry(index).link
        }
        return basePath + steps.reversed()
    }

    /// One string for all paths that have it: a long name above many values would else be copied for each.
    private func name(ofMember value: UInt32) -> String {
        let index = value &- 1
        if let name = pathNames[index] { return name }
        let name = text(at: index) ?? ""
        pathNames[index] = name
        return name
    }

    func keyNotFound(_ key: some CodingKey, in object: UInt32) -> DecodingError {
        .keyNotFound(
            key,
            .init(
                codingPath: path(to: object),
                debugDescription: "No value associated with key \(key) (\"\(key.stringValue)\")."
            )
        )
    }

    func missing(_ type: any Any.Type, at index: UInt32) -> DecodingError {
        .valueNotFound(
            type,
            .init(
                codingPath: path(to: index),
                debugDescription: "Cannot get value of type \(type) -- found null value instead"
            )
        )
    }

    func mismatch(_ type: any Any.Type, at index: UInt32) -> DecodingError {
        .typeMismatch(
            type,
            .init(
                codingPath: path(to: index),
                debugDescription: "Expected to decode \(type) but found \(words(index)) instead."
            )
        )
    }

    func corrupted(at index: UInt32, _ reason: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: path(to: index), debugDescription: reason))
    }

    private func words(_ index: UInt32) -> String {
        switch entry(index).kind {
        case .null: "null"
        case .true, .false: "bool"
        case .number: "number"
        case .array: "an array"
        case let kind: kind.isString ? "a string" : "a dictionary"
        }
    }
}
