extension JSONTape {
    /// Decodes the value at `index`: what JSON has itself here, all else by its own `init(from:)`.
    @inline(__always) func value<Value: Decodable>(_ type: Value.Type, at index: UInt32) throws -> Value {
        // The types are the same where they are compared equal: a cast would ask the runtime for the same answer.
        if type == String.self { return unsafeBitCast(try string(at: index), to: type) }
        if type == Int.self { return unsafeBitCast(try integer(Int.self, at: index), to: type) }
        if type == Double.self { return unsafeBitCast(try real(Double.self, at: index), to: type) }
        if type == Bool.self { return unsafeBitCast(try bool(at: index), to: type) }
        if JSONFoundation.isSpecial(type) { return try JSONFoundation.special(type, at: index, of: self) }
        if entry(index).kind == .array, Self.isArray(type) { return try array(type, at: index) }
        return try Value(from: JSONValueDecoder(tape: self, index: index))
    }

    @inline(__always) func isNull(_ index: UInt32) -> Bool { entry(index).kind == .null }

    @inline(__always) func bool(at index: UInt32) throws -> Bool {
        let kind = entry(index).kind
        guard kind == .true || kind == .false else { throw mismatch(Bool.self, at: index) }
        return kind == .true
    }

    // MARK: Numbers

    @inline(__always)
    func integer<Value: FixedWidthInteger & Decodable>(_ type: Value.Type, at index: UInt32) throws -> Value {
        let entry = entry(index)
        if entry.kind == .number, let value = JSONNumber.integer(bytes(of: entry), as: type) { return value }
        return try number(type, at: index)
    }

    @inline(__always)
    func real<Value: BinaryFloatingPoint & LosslessStringConvertible & Decodable>(
        _ type: Value.Type,
        at index: UInt32
    ) throws -> Value {
        let entry = entry(index)
        guard entry.kind == .number else { return try number(type, at: index) }
        if let value = JSONNumber.real(bytes(of: entry), as: type) { return value }
        return try JSONNumber.longReal(bytes(of: entry), as: type) ?? number(type, at: index)
    }

    /// A number that only Foundation reads.
    @inline(never) private func number<Value: Decodable>(_ type: Value.Type, at index: UInt32) throws -> Value {
        let entry = entry(index)
        guard entry.kind == .number else { throw isNull(index) ? missing(type, at: index) : mismatch(type, at: index) }
        do {
            return try JSONFoundation.decode(type, from: UnsafeRawBufferPointer(bytes(of: entry)))
        } catch {
            throw corrupted(
                at: index,
                "Number \(String(decoding: bytes(of: entry), as: UTF8.self)) does not fit \(type)."
            )
        }
    }

    // MARK: Strings

    @inline(__always) func string(at index: UInt32) throws -> String {
        let entry = entry(index)
        guard entry.kind == .ascii else { return try otherString(at: index) }
        let bytes = bytes(of: entry)
        return String(unsafeUninitializedCapacity: bytes.count) { buffer in
            _ = buffer.update(fromContentsOf: bytes)
            return bytes.count
        }
    }

    @inline(never) private func otherString(at index: UInt32) throws -> String {
        let kind = entry(index).kind
        guard kind.isString else {
            throw isNull(index) ? missing(String.self, at: index) : mismatch(String.self, at: index)
        }
        if let string = text(at: index) { return string }
        throw corrupted(at: index, "The string has a wrong escape, a control character, or is not UTF-8.")
    }

    /// A string or a name; nil where it is not valid.
    func text(at index: UInt32) -> String? {
        let entry = entry(index)
        switch entry.kind {
        case .ascii: return String(decoding: bytes(of: entry), as: UTF8.self)
        case .unescaped: return String(validating: bytes(of: entry), as: UTF8.self)
        default: return Self.unescape(bytes(of: entry))
        }
    }

    /// Nil where an escape is none, where half a surrogate pair is missing, and where a control character stands.
    private static func unescape(_ text: UnsafeBufferPointer<UInt8>) -> String? {
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                guard byte >= 0x20 else { return nil }
                output.append(byte)
                continue
            }
            guard index < text.count else { return nil }
            let escape = text[index]
            index += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(escape)
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = scalar(text, &index) else { return nil }
                output.append(contentsOf: UTF8.encode(scalar)!)
            default: return nil
            }
        }
        return String(validating: output, as: UTF8.self)
    }

    private static func scalar(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> Unicode.Scalar? {
        guard let first = unit(text, &index) else { return nil }
        guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
        guard index + 1 < text.count, text[index] == UInt8(ascii: "\\"), text[index + 1] == UInt8(ascii: "u") else {
            return nil
        }
        index += 2
        guard let second = unit(text, &index), UTF16.isTrailSurrogate(second) else { return nil }
        return Unicode.Scalar((UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00) + 0x1_0000)
    }

    private static func unit(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> UInt16? {
        guard index + 4 <= text.count else { return nil }
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = JSONText.hexValue(text[index]) else { return nil }
            value = value << 4 | digit
            index += 1
        }
        return value
    }
}
