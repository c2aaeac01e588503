internal import RdKafka

/// What a line changes of a letter's job.
struct LetterChange: Sendable, Equatable {
    /// Type, version, key or payload.
    var isEdited = false
    var hasOtherKey = false
}

/// A letter's record, copied out of the memory that fetched it.
struct LetterParts: Sendable {
    var place: Envelope.Origin
    var timestamp: Int64
    var key: Bytes?
    var value: Bytes?
    var headers: [Header]

    init(_ record: Record) {
        place = Envelope.Origin(topic: record.topic, partition: record.partition, offset: record.offset)
        timestamp = record.timestamp
        key = record.key.map { Bytes($0.array) }
        value = record.value.map { Bytes($0.array) }
        headers = record.headers
    }

    init(place: Envelope.Origin, timestamp: Int64 = 0, key: Bytes?, value: Bytes?, headers: [Header]) {
        self.place = place
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// Makes the job that goes back out of a letter and an edited line of its export.
struct LetterMending {
    let letter: LetterParts
    let line: LetterLine
    private let decoded: DecodedDeadLetter
    private let isReadable: Bool
    private let isStructured: Bool
    private let defaultType: String

    /// Key, value and headers of the job, before those that say where it comes from.
    struct Job: Equatable {
        var key: Bytes?
        var value: Bytes?
        var headers: [Header]
        var change = LetterChange()
    }

    init(_ letter: LetterParts, _ line: LetterLine, defaultType: String) {
        self.letter = letter
        self.line = line
        self.defaultType = defaultType
        let scan = HeaderScan(letter.headers)
        isStructured = scan.mode == .structured
        decoded = Envelope.decodeDeadLetter(
            headers: letter.headers,
            at: letter.place,
            value: letter.value,
            defaultType: defaultType
        )
        let job = Envelope.decode(scan, at: letter.place, value: letter.value, defaultType: defaultType)
        isReadable = if case .success = job { true } else { false }
    }

    /// - Throws: ``InputError`` that says why the line can't be followed.
    func job() throws -> Job {
        let envelope = decoded.envelope
        guard line.id.utf8.elementsEqual(envelope.id.utf8) else {
            throw InputError(
                "\(letter.place) is the letter of job \(SafeText.quoted(envelope.id)), not of \(SafeText.quoted(line.id))"
            )
        }
        if case .to(let headers) = line.headers, headers != LetterLine.shownHeaders(letter.headers) {
            throw InputError("its headers are not the letter's; type, version, key and data can be edited")
        }
        var job = Job(key: letter.key, value: letter.value, headers: letter.headers)
        if case .to(let key) = line.key, key != letter.key {
            job.key = key
            job.change = LetterChange(isEdited: true, hasOtherKey: true)
        }
        let payload = newPayload
        guard Envelope.Cut(letter.headers) != .payload || payload != .none else {
            throw InputError("the letter lacks its job's payload, which was too large for it: give it as \"data\"")
        }
        let (type, version) = try newNames()
        if payload != .none || type != nil || version != nil {
            job.change.isEdited = true
            let names = (type: type ?? envelope.type, version: version ?? envelope.version)
            try write(payload, names, renames: type != nil || version != nil, to: &job)
        }
        return job
    }

    /// What the line says of the payload, if that is another one.
    private var newPayload: LetterLine.Edit<Bytes?> {
        guard case .to(let payload) = line.payload else { return .none }
        guard let payload else { return letter.value == nil ? .none : line.payload }
        guard letter.value != nil else { return line.payload }
        // Tools write JSON with spaces of their own.
        let isSame = payload == decoded.payload || Self.areSameJSON(payload.array, decoded.payload.array)
        return isSame ? .none : line.payload
    }

    private func newNames() throws -> (type: String?, version: Int?) {
        var names: (type: String?, version: Int?) = (nil, nil)
        if case .to(var type) = line.type, !type.utf8.elementsEqual(decoded.envelope.type.utf8) {
            if case .malformed(let fault) = type.withUTF8({ HeaderScan.attribute(UnsafeRawBufferPointer($0)) }) {
                throw InputError("\"type\" \(fault)")
            }
            names.type = type
        }
        if case .to(let version) = line.version, version != decoded.envelope.version { names.version = version }
        return names
    }

    private func write(
        _ payload: LetterLine.Edit<Bytes?>,
        _ names: (type: String, version: Int),
        renames: Bool,
        to job: inout Job
    ) throws {
        let (type, version) = names
        if isStructured, isReadable {
            let event = StructuredEdit(type: type, version: version, payload: payload)
            job.value = Bytes(try event.applied(to: letter.value?.array ?? []))
        } else {
            if case .to(let value) = payload { job.value = value }
            if renames || !isReadable { job.headers = eventHeaders(type, version, of: job) }
        }
        // What nobody could read is a dead letter again at once: better said here.
        let mended = Envelope.decode(
            headers: job.headers,
            at: letter.place,
            value: job.value,
            defaultType: defaultType
        )
        switch mended {
        case .failure(let error): throw InputError("the edited job could not be read: \(error)")
        case .success(let mended):
            guard mended.envelope.id == decoded.envelope.id, mended.envelope.type == type else {
                throw InputError("the edited job would be read as another one, \(SafeText.quoted(mended.envelope.id))")
            }
        }
    }

    /// The letter's headers as those of a CloudEvent in binary mode, whatever they were.
    private func eventHeaders(_ type: String, _ version: Int, of job: Job) -> [Header] {
        let names: Set<HeaderName> = [.specVersion, .id, .type, .schemaVersion]
        var contentType = letter.headers.last { $0.name == HeaderName.contentType.rawValue }
        if !isReadable, HeaderScan(letter.headers).mode != .binary {
            // It was to be a CloudEvent of a form that is not read; its payload says what it is.
            let isJSON = job.value.map { JSONText.isValid($0.array) } ?? false
            contentType = isJSON ? HeaderName.contentType.header("application/json") : nil
        }
        var headers = [HeaderName.specVersion.header("1.0"), HeaderName.id.header(decoded.envelope.id)]
        headers.append(HeaderName.type.header(type))
        if version != 1 { headers.append(HeaderName.schemaVersion.header(version)) }
        if !letter.headers.contains(where: { $0.name == HeaderName.source.rawValue }) {
            headers.append(HeaderName.source.header("kokanee"))
        }
        if let contentType { headers.append(contentType) }
        return headers
            + letter.headers.filter { header in
                let name = HeaderName(rawValue: header.name)
                return name.map { !names.contains($0) && $0 != .contentType } ?? true
            }
    }

    /// Whether two texts are JSON that differs in white space between tokens only.
    static func areSameJSON(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard JSONText.isValid(left), JSONText.isValid(right) else { return false }
        return compact(left) == compact(right)
    }

    private static func compact(_ json: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        var isInString = false
        var isEscaped = false
        for byte in json {
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            } else if byte <= 0x20 {
                continue
            } else {
                isInString = byte == UInt8(ascii: "\"")
            }
            result.append(byte)
        }
        return result
    }
}
