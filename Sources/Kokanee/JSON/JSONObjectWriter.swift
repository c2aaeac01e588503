/// Writes one flat JSON object on one line, its members in the order in which they are added.
package struct JSONObjectWriter {
    private var output: [UInt8] = [UInt8(ascii: "{")]

    package init(reservingCapacity capacity: Int = 0) {
        output.reserveCapacity(capacity)
    }

    package mutating func add(_ name: String, _ value: String) {
        begin(name)
        JSONText.appendEscaped(value, to: &output)
    }

    package mutating func add(_ name: String, _ value: some FixedWidthInteger) {
        begin(name)
        output.append(contentsOf: String(value).utf8)
    }

    package mutating func add(_ name: String, _ value: Bool) {
        begin(name)
        output.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// A number; JSON has no infinities and no NaN, which become null.
    package mutating func add(_ name: String, _ value: Double) {
        begin(name)
        output.append(contentsOf: (value.isFinite ? String(value) : "null").utf8)
    }

    /// A value that is JSON already, carried as it is but for its line breaks.
    ///
    /// - Precondition: `json` is valid; it is not checked again here.
    package mutating func add(_ name: String, json: RawSpan) {
        begin(name)
        JSONText.appendSingleLine(json, to: &output)
    }

    package mutating func addNull(_ name: String) {
        begin(name)
        output.append(contentsOf: "null".utf8)
    }

    /// The object's bytes, without a line break.
    package consuming func finish() -> [UInt8] {
        output.append(UInt8(ascii: "}"))
        return output
    }

    private mutating func begin(_ name: String) {
        if output.count > 1 { output.append(UInt8(ascii: ",")) }
        JSONText.appendEscaped(name, to: &output)
        output.append(UInt8(ascii: ":"))
    }
}
