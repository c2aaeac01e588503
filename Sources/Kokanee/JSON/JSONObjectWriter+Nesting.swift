extension JSONObjectWriter {
    package mutating func add(_ name: String, object: JSONObjectWriter) {
        add(name, json: object.finish().span.bytes)
    }

    package mutating func add(_ name: String, objects: [JSONObjectWriter]) {
        add(name, array: objects.map { $0.finish() })
    }

    package mutating func add(_ name: String, integers: [some FixedWidthInteger]) {
        add(name, array: integers.map { Array(String($0).utf8) })
    }

    package mutating func add(_ name: String, orNull value: (some FixedWidthInteger)?) {
        if let value {
            add(name, value)
        } else {
            addNull(name)
        }
    }

    private mutating func add(_ name: String, array elements: [[UInt8]]) {
        var json = [UInt8(ascii: "[")]
        for (index, element) in elements.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            json += element
        }
        json.append(UInt8(ascii: "]"))
        add(name, json: json.span.bytes)
    }
}
