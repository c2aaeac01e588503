extension JSONObjectWriter {
    package mutating func add(_ name: String, _ values: [String]) {
        var json = [UInt8(ascii: "[")]
        for value in values {
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            JSONText.appendEscaped(value, to: &json)
        }
        json.append(UInt8(ascii: "]"))
        add(name, json: json.span.bytes)
    }
}
