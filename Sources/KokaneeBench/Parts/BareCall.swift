internal import CBaseline
internal import Glibc

/// What a C loop is called with, and what it says.
struct BareCall {
    var properties: cbaseline_properties
    var result = cbaseline_result()
}

/// Calls a C loop.
///
/// - Throws: ``BenchError`` with its words, where it fails.
func bare(_ properties: [String: String] = [:], _ call: (inout BareCall) -> Int32) throws -> cbaseline_result {
    try withCStrings(properties) { properties in
        var arguments = BareCall(properties: properties)
        guard call(&arguments) == 0 else { throw BenchError(arguments.result.message) }
        return arguments.result
    }
}

/// Properties as C has them, valid inside `body` only.
func withCStrings<R>(_ properties: [String: String], _ body: (cbaseline_properties) throws -> R) rethrows -> R {
    let pairs = properties.sorted { $0.key < $1.key }
    let names = pairs.map { UnsafePointer(strdup($0.key)) }
    let values = pairs.map { UnsafePointer(strdup($0.value)) }
    defer { for text in names + values { free(UnsafeMutablePointer(mutating: text)) } }
    return try names.withUnsafeBufferPointer { names in
        try values.withUnsafeBufferPointer { values in
            try body(cbaseline_properties(names: names.baseAddress, values: values.baseAddress, count: pairs.count))
        }
    }
}

/// Byte arrays as C has them, valid inside `body` only.
func withPointers<R>(
    _ arrays: [[UInt8]],
    _ body: (UnsafeBufferPointer<UnsafeRawPointer?>, UnsafeBufferPointer<Int>) throws -> R
) rethrows -> R {
    let all = arrays.flatMap(\.self)
    let lengths = arrays.map(\.count)
    return try all.withUnsafeBytes { bytes in
        var start = 0
        let pointers = lengths.map { length -> UnsafeRawPointer? in
            defer { start += length }
            return bytes.baseAddress.map { $0 + start }
        }
        return try pointers.withUnsafeBufferPointer { pointers in
            try lengths.withUnsafeBufferPointer { try body(pointers, $0) }
        }
    }
}

extension cbaseline_result {
    var rate: Double { seconds > 0 ? Double(records) / seconds : 0 }

    var message: String {
        withUnsafeBytes(of: error) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
