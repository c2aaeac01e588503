/// JSON for people: a member and an element a line, two spaces for each level.
enum PrettyJSON {
    /// - Parameter json: valid JSON, which is not checked here; numbers and strings stay as they are written.
    static func lines(_ json: [UInt8]) -> [String] {
        var lines: [String] = []
        var line: [UInt8] = []
        var depth = 0
        var isInString = false
        var isEscaped = false
        func endLine() {
            lines.append(String(decoding: line, as: UTF8.self))
            line = [UInt8](repeating: UInt8(ascii: " "), count: min(depth, 40) * 2)
        }
        var previous: UInt8 = 0
        for byte in json {
            if isInString {
                line.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                previous = byte
                continue
            }
            let opens = previous == UInt8(ascii: "{") || previous == UInt8(ascii: "[")
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                continue
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if !opens { endLine() }
                line.append(byte)
            default:
                if opens { endLine() }
                line.append(byte)
                if byte == UInt8(ascii: ",") { endLine() }
                if byte == UInt8(ascii: ":") { line.append(UInt8(ascii: " ")) }
                if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
                isInString = byte == UInt8(ascii: "\"")
            }
            previous = byte
        }
        lines.append(String(decoding: line, as: UTF8.self))
        return lines
    }
}
